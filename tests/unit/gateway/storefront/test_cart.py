from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.storefront.cart import (
    CartFull,
    CartLine,
    SessionCart,
    priced,
    quantity_in,
    sane,
    with_quantity,
    without,
)
from gateway.storefront.shapes import Product
from services.chassis import contract

SKUS = st.from_regex(contract.SKU, fullmatch=True)
QUANTITIES = st.integers(1, contract.QUANTITY_MAX)
LINES = st.dictionaries(SKUS, QUANTITIES, max_size=8)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=8
)


def product(sku: str = "A", *, price: str = "2.50", stock: int = 10) -> Product:
    return Product(sku=sku, name=sku, description="", category=None, price=Decimal(price), stock=stock)


@given(ANYTHING | st.dictionaries(SKUS | st.text(), st.integers() | st.booleans() | st.text()))
def test_whatever_a_session_holds_becomes_lines_that_an_order_can_have(stored):
    lines = sane(stored)
    assert len(lines) <= contract.LINES_MAX
    for sku, quantity in lines.items():
        assert contract.SKU.fullmatch(sku)
        assert 1 <= quantity <= contract.QUANTITY_MAX
    assert sane(lines) == lines


@given(lines=LINES, sku=SKUS, quantity=st.integers(-5, 10**12))
def test_a_quantity_is_set_capped_or_takes_the_line_out_and_leaves_the_others_alone(lines, sku, quantity):
    changed = with_quantity(lines, sku=sku, quantity=quantity)
    if quantity < 1:
        assert sku not in changed
    else:
        assert changed[sku] == min(quantity, contract.QUANTITY_MAX)
    assert {k: v for k, v in changed.items() if k != sku} == {k: v for k, v in lines.items() if k != sku}


@given(lines=LINES, bought=LINES)
def test_what_is_bought_leaves_the_cart_and_nothing_else_does(lines, bought):
    left = without(lines, bought)
    for sku, quantity in lines.items():
        assert left.get(sku, 0) == max(0, quantity - bought.get(sku, 0))
    assert left.keys() <= lines.keys()


def test_a_full_cart_takes_more_of_what_it_holds_but_nothing_new():
    full = {f"SKU{number}": 1 for number in range(contract.LINES_MAX)}
    assert with_quantity(full, sku="SKU7", quantity=3)["SKU7"] == 3
    with pytest.raises(CartFull):
        with_quantity(full, sku="ANOTHER", quantity=1)


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("3", 3),
        (" 12 ", 12),
        ("0", 0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("two", None),
        ("٣", None),
        ("²", None),
    ],
)
def test_a_quantity_is_read_from_what_was_typed(text, quantity):
    assert quantity_in(text) == quantity


@given(st.text() | st.from_regex(r"\d{1,6000}", fullmatch=True))
def test_reading_a_quantity_never_fails(text):
    quantity = quantity_in(text)
    assert quantity is None or quantity >= 0


def test_a_line_says_when_its_price_has_changed():
    assert CartLine("A", 1, product(price="2.50"), Decimal("3.00")).price_was == Decimal("3.00")
    assert CartLine("A", 1, product(price="2.50"), Decimal("2.50")).price_was is None
    assert CartLine("A", 1, product(price="2.50")).price_was is None


def test_a_cart_is_buyable_only_when_every_line_is():
    assert priced({"A": 2}, {"A": product()}, {}).buyable
    assert not priced({"A": 11}, {"A": product()}, {}).buyable
    assert not priced({"A": 1, "B": 1}, {"A": product()}, {}).buyable
    assert not priced({}, {}, {}).buyable


def test_a_total_is_of_what_is_still_sold():
    cart = priced({"A": 2, "GONE": 7}, {"A": product(price="2.50")}, {})
    assert (cart.total, cart.units) == (Decimal("5.00"), 2)


def test_a_session_remembers_the_price_of_what_is_in_the_cart_and_of_nothing_else():
    session: dict[str, object] = {}
    cart = SessionCart(session)
    cart.put(product("A", price="2.50"), quantity=2)
    cart.put(product("B", price="4.00"), quantity=1)
    cart.remove("A")
    assert cart.lines == {"B": 1}
    assert cart.seen_prices == {"B": Decimal("4.00")}


@given(ANYTHING, ANYTHING)
def test_a_tampered_session_is_an_odd_cart_but_never_a_failure(lines, prices):
    cart = SessionCart({"cart": lines, "cart_prices": prices})
    assert cart.units >= 0
    assert all(price >= 0 for price in cart.seen_prices.values())
