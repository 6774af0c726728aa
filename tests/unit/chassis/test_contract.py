"""services.chassis.contract"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import contract
from tests.support import catalogue

AMOUNTS = st.decimals(min_value=contract.PRICE_MIN, max_value=contract.PRICE_MAX, places=2)


@given(AMOUNTS)
def test_it_keeps_every_amount_exact_through_cents(amount: Decimal) -> None:
    cents = contract.cents(amount)
    assert contract.money_from_cents(cents) == contract.money(amount)
    assert Decimal(contract.money(amount)["amount"]) == amount


@given(AMOUNTS)
def test_it_writes_amounts_that_clients_may_send_back(amount: Decimal) -> None:
    assert contract.AMOUNT.fullmatch(contract.money(amount)["amount"])


@given(st.integers(0, 10**15))
def test_it_writes_two_places_always(cents: int) -> None:
    assert re.fullmatch(r"\d+\.\d{2}", contract.money_from_cents(cents)["amount"])


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=3))
def test_it_refuses_fractions_of_a_cent(amount: Decimal) -> None:
    if amount == amount.quantize(Decimal("0.01")):
        assert Decimal(contract.cents(amount)).scaleb(-2) == amount
    else:
        with pytest.raises(ValueError, match="fractions of a cent"):
            contract.cents(amount)


# hypothesis wants the bounds without a zone.
FIRST, LAST = datetime(1001, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-8)), timezone(timedelta(minutes=345))])
MOMENTS = st.datetimes(min_value=FIRST, max_value=LAST, timezones=ZONES)


@given(MOMENTS)
def test_it_writes_moments_that_read_back_the_same(moment: datetime) -> None:
    written = contract.timestamp(moment)
    assert datetime.fromisoformat(written) == moment
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", written)


@given(MOMENTS, MOMENTS)
def test_it_writes_moments_that_sort_as_text(one: datetime, two: datetime) -> None:
    assert (contract.timestamp(one) < contract.timestamp(two)) == (one < two)


def test_it_makes_order_numbers_that_the_api_takes_and_that_are_all_different() -> None:
    numbers = {contract.new_order_number() for _ in range(1000)}
    assert len(numbers) == 1000
    for number in numbers:
        assert re.fullmatch(r"TC-[0-9A-HJKMNP-TV-Z]{12}", number)
        assert contract.ORDER_NUMBER.fullmatch(number)


@given(st.text(alphabet=st.characters(), max_size=50))
def test_it_calls_text_storable_exactly_when_utf_8_without_nul_can_hold_it(text: str) -> None:
    try:
        expected = b"\x00" not in text.encode()
    except UnicodeEncodeError:
        expected = False
    assert contract.storable(text) is expected


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\udc00a"])
def test_it_calls_nul_and_lone_surrogates_unstorable(text: str) -> None:
    assert not contract.storable(text)


@pytest.mark.parametrize("sku", ["A", "0", "85123A", "A.B_C-D", "A" * 40])
def test_it_takes_these_skus(sku: str) -> None:
    assert contract.SKU.fullmatch(sku)


@pytest.mark.parametrize("sku", ["", "a", "-A", ".A", "A" * 41, "A B", "A\n", "É", "A/B", "categories", "reservations"])
def test_it_takes_no_other_skus(sku: str) -> None:
    assert not contract.SKU.fullmatch(sku)


@pytest.mark.parametrize(
    "amount", ["", ".5", "1.", "1.234", "-1", "+1", "1e3", "NaN", "1,0", " 1", "1\n", "٣", "1" * 10]
)
def test_it_takes_no_amount_written_otherwise(amount: str) -> None:
    assert not contract.AMOUNT.fullmatch(amount)


def test_its_statuses_and_changes_are_the_pages() -> None:
    text = catalogue.CONTRACT.read_text()
    rows = re.findall(r"^\| `([a-z]+)` \| ((?:`[a-z]+`(?:, )?)+) \|$", text, re.MULTILINE)
    table = {(row[0], to) for row in rows for to in re.findall(r"`([a-z]+)`", row[1])}
    assert table == contract.TRANSITIONS
    assert {status for change in table for status in change} == set(contract.STATUSES)


def test_it_shows_an_order_s_history_no_further_than_its_status() -> None:
    path = ["placed", "paid", "shipped"]
    assert [list(contract.history_up_to(status, path, of=str)) for status in path] == [path[:1], path[:2], path]
    assert contract.history_up_to("cancelled", path, of=str) == path
    assert contract.history_up_to("placed", [], of=str) == []
