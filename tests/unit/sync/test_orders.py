"""services.sync.mapping.orders and placements"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import contract
from services.sync.mapping import orders, placements
from services.sync.mapping.orders import (
    LegacyOrder,
    LegacyOrderLine,
    LegacyStatusChange,
    Order,
    OrderLine,
    StatusChange,
)
from services.sync.mapping.placements import IdempotencyKey, LegacyIdempotencyKey
from tests.unit.sync.rows import CENTS, KEYS, MOMENTS, NUMBERS, PRICES, QUANTITIES, SKUS, TEXT

LETTERS = st.sampled_from(sorted(orders.STATUSES))
WORDS = st.sampled_from(contract.STATUSES)
LEGACY_KEYS = st.builds(
    LegacyIdempotencyKey,
    id=KEYS,
    cust_ref=TEXT,
    key=TEXT,
    fingerprint=TEXT,
    order_no=NUMBERS,
    abandoned=st.booleans(),
    lease_until=MOMENTS,
    answer=st.none() | TEXT,
    created=MOMENTS,
).filter(lambda row: not (row.abandoned and row.answer is not None))
PLACEMENTS = st.builds(
    IdempotencyKey,
    id=st.uuids(),
    customer=TEXT,
    key=TEXT,
    fingerprint=TEXT,
    number=NUMBERS,
    state=st.sampled_from(["in_flight", "done", "abandoned"]),
    attempt=st.just(1),
    lease_until=MOMENTS,
    answer=TEXT,
    created_at=MOMENTS,
).map(lambda row: row if row.state == "done" else row._replace(answer=""))


@given(
    st.builds(
        LegacyOrder,
        id=KEYS,
        order_no=NUMBERS,
        cust_ref=TEXT,
        status=LETTERS,
        ship_name=TEXT,
        ship_street=TEXT,
        ship_city=TEXT,
        ship_postcode=TEXT,
        ship_country=TEXT,
        total_cents=st.integers(1, 10**13),
        placed=MOMENTS,
        stock_settled=st.booleans(),
    )
)
def test_a_monoliths_order_comes_back_the_same(row: LegacyOrder) -> None:
    assert orders.order_to_monolith(orders.order_to_service(row)) == row._replace(id=None)


@given(
    st.builds(
        Order,
        id=st.uuids(),
        number=NUMBERS,
        customer=TEXT,
        status=WORDS,
        ship_to_name=TEXT,
        ship_to_street=TEXT,
        ship_to_city=TEXT,
        ship_to_postcode=TEXT,
        ship_to_country=TEXT,
        total=st.decimals(min_value="0.01", max_value="999999999999.99", places=2),
        placed_at=MOMENTS,
        stock_settled=st.booleans(),
    )
)
def test_a_services_order_comes_back_the_same(row: Order) -> None:
    assert orders.order_to_service(orders.order_to_monolith(row)) == row._replace(id=None)


@given(
    st.builds(
        LegacyOrderLine,
        id=KEYS,
        placed=MOMENTS,
        order_no=NUMBERS,
        line_no=QUANTITIES,
        code=SKUS,
        title=TEXT,
        qty=QUANTITIES,
        unit_cents=CENTS,
    )
)
def test_a_monoliths_line_comes_back_the_same(row: LegacyOrderLine) -> None:
    assert orders.line_to_monolith(orders.line_to_service(row)) == row._replace(id=None)


@given(
    st.builds(
        OrderLine,
        id=st.uuids(),
        placed_at=MOMENTS,
        number=NUMBERS,
        position=QUANTITIES,
        sku=SKUS,
        name=TEXT,
        quantity=QUANTITIES,
        unit_price=PRICES,
    )
)
def test_a_services_line_comes_back_the_same(row: OrderLine) -> None:
    assert orders.line_to_service(orders.line_to_monolith(row)) == row._replace(id=None)


@given(st.builds(LegacyStatusChange, id=KEYS, order_no=NUMBERS, status=LETTERS, at=MOMENTS))
def test_a_monoliths_history_comes_back_the_same(row: LegacyStatusChange) -> None:
    assert orders.change_to_monolith(orders.change_to_service(row)) == row._replace(id=None)


@given(st.builds(StatusChange, id=st.uuids(), number=NUMBERS, status=WORDS, at=MOMENTS))
def test_a_services_history_comes_back_the_same(row: StatusChange) -> None:
    assert orders.change_to_service(orders.change_to_monolith(row)) == row._replace(id=None)


@given(LEGACY_KEYS)
def test_a_monoliths_idempotency_key_comes_back_the_same(row: LegacyIdempotencyKey) -> None:
    assert placements.key_to_monolith(placements.key_to_service(row)) == row._replace(id=None)


@given(PLACEMENTS)
def test_a_services_idempotency_key_comes_back_the_same(row: IdempotencyKey) -> None:
    assert placements.key_to_service(placements.key_to_monolith(row)) == row._replace(id=None)


def test_every_status_of_the_contract_has_a_letter_of_its_own() -> None:
    assert set(orders.LETTERS) == set(contract.STATUSES)
    assert len(set(orders.LETTERS.values())) == len(contract.STATUSES)


@pytest.mark.parametrize(
    ("abandoned", "answer", "state"),
    [(False, None, "in_flight"), (False, '{"number": "TC-1"}', "done"), (True, None, "abandoned")],
)
def test_a_key_is_in_the_state_that_its_columns_say(abandoned: bool, answer: str | None, state: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row = LegacyIdempotencyKey(1, "c", "k", "f", "TC-1", abandoned, moment, answer, moment)
    assert placements.key_to_service(row._replace(id=None)).state == state
