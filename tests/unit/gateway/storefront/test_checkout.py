"""Buying once, as a pure matter: keys, signed offers, patience."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from unittest import mock

import httpx
import pytest
from django.core import signing
from hypothesis import given
from hypothesis import strategies as st

from gateway.storefront import checkout
from gateway.storefront.cart import Priced, priced
from gateway.storefront.checkout import Offer, OfferLine, StillPlacing
from gateway.storefront.shapes import Address, Product
from gateway.storefront.shop import KeyReused, Shop, ShopUnavailable, pooled
from services.chassis import contract
from services.chassis.identity import Principal
from tests.unit.gateway.storefront.fake import ADDRESS, FakeShop

SKUS = st.from_regex(contract.SKU, fullmatch=True)
PRICES = st.decimals(contract.PRICE_MIN, contract.PRICE_MAX, places=2)
OFFERS = st.builds(
    Offer,
    key=st.text("0123456789abcdef", min_size=64, max_size=64),
    shopper=st.text(min_size=1, max_size=36),
    lines=st.dictionaries(
        SKUS, st.builds(OfferLine, st.integers(1, contract.QUANTITY_MAX), PRICES), min_size=1, max_size=10
    ),
)


def cart_of(lines: dict[str, int], price: str = "1.00") -> Priced:
    products = {sku: Product(sku, sku, "", None, Decimal(price), contract.QUANTITY_MAX) for sku in lines}
    return priced(lines, products, {})


@given(OFFERS)
def test_an_offer_comes_back_as_it_was_signed(offer):
    assert checkout.read(checkout.sign(offer), shopper=offer.shopper) == offer


@given(OFFERS, st.text(min_size=1))
def test_an_offer_is_good_for_its_shopper_only(offer, other):
    found = checkout.read(checkout.sign(offer), shopper=other)
    assert found == (offer if other == offer.shopper else None)


@given(offer=OFFERS, data=st.data())
def test_a_changed_offer_is_none(offer, data):
    signed = checkout.sign(offer)
    at = data.draw(st.integers(0, len(signed) - 1))
    # The last character of base64 may hold bits that say nothing.
    changed = signed[:at] + data.draw(st.characters(codec="ascii").filter(lambda c: c != signed[at])) + signed[at + 1 :]
    found = checkout.read(changed, shopper=offer.shopper)
    assert found is None or (found == offer and at == len(signed) - 1)


@given(st.text())
def test_no_text_that_we_did_not_sign_is_an_offer(text):
    assert checkout.read(text, shopper="1") is None


@pytest.mark.parametrize("data", [None, [], {}, {"key": "k", "shopper": "1", "lines": [1]}, {"key": 1, "shopper": "1"}])
def test_another_thing_that_we_signed_is_no_offer(data):
    assert checkout.read(signing.dumps(data, salt=checkout._SALT), shopper="1") is None


def test_an_offer_does_not_wait_for_ever():
    offer = checkout.offer_for(cart=cart_of({"A": 1}), shopper="1", session={})
    with mock.patch("django.core.signing.time.time", return_value=0):
        signed = checkout.sign(offer)
    assert checkout.read(signed, shopper="1") is None


@given(lines=st.dictionaries(SKUS, st.integers(1, 9), min_size=1, max_size=6), data=st.data())
def test_the_same_content_asks_under_the_same_key_with_the_same_payload(lines, data):
    shuffled = dict(data.draw(st.permutations(list(lines.items()))))
    session: dict[str, object] = {}
    first = checkout.offer_for(cart=cart_of(lines), shopper="1", session=session)
    again = checkout.offer_for(cart=cart_of(shuffled, price="7.77"), shopper="1", session=session)
    assert contract.IDEMPOTENCY_KEY.fullmatch(first.key)
    assert first.key == again.key
    assert list(first.quantities.items()) == list(again.quantities.items())


def test_other_content_another_shopper_another_session_and_a_purchase_each_make_another_key():
    session: dict[str, object] = {}
    offers = [
        checkout.offer_for(cart=cart_of({"A": 1}), shopper="1", session=session),
        checkout.offer_for(cart=cart_of({"A": 2}), shopper="1", session=session),
        checkout.offer_for(cart=cart_of({"A": 1}), shopper="2", session=session),
        checkout.offer_for(cart=cart_of({"A": 1}), shopper="1", session={}),
    ]
    checkout.renew(session)
    offers.append(checkout.offer_for(cart=cart_of({"A": 1}), shopper="1", session=session))
    assert len({offer.key for offer in offers}) == len(offers)


def test_todays_prices_change_what_is_paid_but_not_what_is_asked_for():
    offer = checkout.offer_for(cart=cart_of({"A": 2, "GONE": 1}), shopper="1", session={})
    today = offer.at_prices_of({"A": Product("A", "A", "", None, Decimal("1.50"), 0)})
    assert (today.key, today.quantities) == (offer.key, offer.quantities)
    assert (offer.total, today.total) == (Decimal("3.00"), Decimal("4.00"))


def test_a_session_remembers_its_last_purchases():
    session: dict[str, object] = {}
    for number in range(checkout.REMEMBERED + 5):
        checkout.remember(session, key=f"key{number}", number=f"TC-{number:04d}")
    assert checkout.remembered(session, key="key4") is None
    assert checkout.remembered(session, key="key24") == "TC-0024"
    assert checkout.remembered({"checkout_placed": {"key": "//evil"}}, key="key") is None


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(shop: FakeShop, clock: Clock) -> Callable[..., object]:
    http = pooled(url="http://gateway.test", transport=httpx.MockTransport(shop.handle))
    client = Shop(http=http, minter=shop.minter, principal=Principal("1", "customer", frozenset({"orders"})))
    offer = Offer(key="key", shopper="1", lines={"AUD-100": OfferLine(1, Decimal("129.00"))})
    return lambda **changes: checkout.place(
        client, offer=offer, ship_to=Address(**{**ADDRESS, **changes}), sleep=clock.sleep, clock=clock
    )


def test_it_asks_again_while_the_first_request_is_running(shop, clock, place):
    shop.in_flight = 2
    order = place()
    assert shop.orders[order.number]["status"] == "placed"
    assert len(shop.placements) == 3
    assert shop.placements[0] == shop.placements[2]
    assert clock.slept == list(checkout.PATIENCE[:2])


def test_it_asks_again_when_there_was_no_answer(shop, place):
    shop.down.add("/orders")
    with mock.patch.object(Clock, "sleep", autospec=True, side_effect=lambda *_: shop.down.clear()):
        assert place().number in shop.orders


def test_it_gives_up_after_a_few_attempts(shop, clock, place):
    shop.in_flight = 99
    with pytest.raises(StillPlacing):
        place()
    assert len(shop.placements) == len(checkout.PATIENCE) + 1


def test_it_gives_up_once_the_answers_take_too_long(shop, clock, place):
    def slowly(self: Shop, **_: object) -> object:
        clock.now += 7.8
        raise ShopUnavailable

    with mock.patch.object(Shop, "place", slowly), pytest.raises(StillPlacing):
        place()
    assert clock.now < checkout.GIVE_UP_AFTER + 1


def test_another_address_under_the_same_key_buys_nothing(shop, place):
    place()
    with pytest.raises(KeyReused):
        place(city="Paris")
    assert len(shop.orders) == 1
