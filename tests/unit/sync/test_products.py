"""services.sync.mapping.products, reservations and money"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.mapping import money, products, reservations
from services.sync.mapping.products import Category, LegacyCategory, LegacyProduct, Product
from services.sync.mapping.reservations import (
    LegacyReservation,
    LegacyReservationLine,
    Reservation,
    ReservationLine,
)
from tests.unit.sync.rows import CENTS, KEYS, MOMENTS, NUMBERS, PRICES, QUANTITIES, SKUS, TEXT

LEGACY_PRODUCTS = st.builds(
    LegacyProduct,
    id=KEYS,
    code=SKUS,
    title=TEXT,
    descr=TEXT,
    price_cents=CENTS,
    qty=st.integers(0, 1_000_000),
    active=st.booleans(),
    category=st.none() | SKUS,
    created=MOMENTS,
    modified=MOMENTS,
)
PRODUCTS = st.builds(
    Product,
    id=st.uuids(),
    sku=SKUS,
    name=TEXT,
    description=TEXT,
    price=PRICES,
    stock=st.integers(0, 1_000_000),
    category=st.none() | SKUS,
    created_at=MOMENTS,
    updated_at=MOMENTS,
    deleted_at=st.none(),
)
LEGACY_RESERVATIONS = st.builds(
    LegacyReservation,
    id=KEYS,
    order_no=NUMBERS,
    cust_ref=TEXT,
    state=st.sampled_from("HCR"),
    expires=MOMENTS,
    created=MOMENTS,
)
RESERVATIONS = st.builds(
    Reservation,
    id=st.uuids(),
    order=NUMBERS,
    customer=TEXT,
    state=st.sampled_from(["held", "confirmed", "released"]),
    expires_at=MOMENTS,
    created_at=MOMENTS,
)
LEGACY_LINES = st.builds(
    LegacyReservationLine,
    id=KEYS,
    created=MOMENTS,
    order_no=NUMBERS,
    code=SKUS,
    title=TEXT,
    qty=QUANTITIES,
    unit_cents=CENTS,
)
LINES = st.builds(
    ReservationLine,
    id=st.uuids(),
    created_at=MOMENTS,
    order=NUMBERS,
    sku=SKUS,
    name=TEXT,
    quantity=QUANTITIES,
    unit_price=PRICES,
)


@given(st.integers(-(10**15), 10**15))
def test_cents_are_exact_there_and_back(cents: int) -> None:
    assert money.cents(money.amount(cents)) == cents
    assert money.amount(cents).as_tuple().exponent == -2


@pytest.mark.parametrize("amount", ["0.001", "1.005", "NaN"])
def test_what_is_not_whole_cents_is_refused(amount: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        money.cents(Decimal(amount))


@given(st.builds(LegacyCategory, id=KEYS, slug=SKUS, name=TEXT))
def test_a_monoliths_category_comes_back_the_same(row: LegacyCategory) -> None:
    assert products.category_to_monolith(products.category_to_service(row)) == row._replace(id=None)


@given(st.builds(Category, id=st.uuids(), slug=SKUS, name=TEXT))
def test_a_services_category_comes_back_the_same(row: Category) -> None:
    assert products.category_to_service(products.category_to_monolith(row)) == row._replace(id=None)


@given(LEGACY_PRODUCTS)
def test_a_monoliths_product_comes_back_the_same(row: LegacyProduct) -> None:
    assert products.product_to_monolith(products.product_to_service(row)) == row._replace(id=None)


@given(PRODUCTS)
def test_a_services_product_comes_back_the_same(row: Product) -> None:
    back = products.product_to_service(products.product_to_monolith(row))
    assert back == row._replace(id=None)
    assert str(back.price) == str(row.price)


@given(PRODUCTS, MOMENTS)
def test_a_deleted_product_stays_deleted_with_its_last_change(row: Product, deleted_at: datetime) -> None:
    deleted = row._replace(deleted_at=deleted_at)
    back = products.product_to_service(products.product_to_monolith(deleted))
    assert back == row._replace(id=None, deleted_at=row.updated_at)


@given(LEGACY_PRODUCTS)
def test_a_product_is_called_and_costs_the_same_at_the_service(row: LegacyProduct) -> None:
    there = products.product_to_service(row)
    assert (there.sku, there.name, there.stock, there.category) == (row.code, row.title, row.qty, row.category)
    assert there.price * 100 == row.price_cents
    assert (there.deleted_at is None) == row.active
    assert there.id and there.id.version == 7


@given(LEGACY_RESERVATIONS)
def test_a_monoliths_reservation_comes_back_the_same(row: LegacyReservation) -> None:
    assert reservations.reservation_to_monolith(reservations.reservation_to_service(row)) == row._replace(id=None)


@given(RESERVATIONS)
def test_a_services_reservation_comes_back_the_same(row: Reservation) -> None:
    assert reservations.reservation_to_service(reservations.reservation_to_monolith(row)) == row._replace(id=None)


@given(LEGACY_LINES)
def test_a_monoliths_reservation_line_comes_back_the_same(row: LegacyReservationLine) -> None:
    assert reservations.line_to_monolith(reservations.line_to_service(row)) == row._replace(id=None)


@given(LINES)
def test_a_services_reservation_line_comes_back_the_same(row: ReservationLine) -> None:
    assert reservations.line_to_service(reservations.line_to_monolith(row)) == row._replace(id=None)


def test_a_row_has_the_same_key_however_often_it_is_mapped() -> None:
    row = LegacyCategory(7, "lamps", "Lamps")
    assert products.category_to_service(row) == products.category_to_service(row)


@pytest.mark.parametrize(("letter", "word"), [("H", "held"), ("C", "confirmed"), ("R", "released")])
def test_states_keep_their_meaning(letter: str, word: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row = LegacyReservation(1, "TC-1", "c", letter, moment, moment)
    assert reservations.reservation_to_service(row).state == word
