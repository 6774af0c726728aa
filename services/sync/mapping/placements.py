"""Idempotency keys: placements that run, have died or were answered. They move with the orders they became."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from services.sync.keys import new_key, uuid7_sql
from services.sync.tables import Column, Table


class LegacyIdempotencyKey(NamedTuple):
    id: int | None
    cust_ref: str
    key: str
    fingerprint: str
    order_no: str
    abandoned: bool
    lease_until: datetime
    answer: str | None
    created: datetime


class IdempotencyKey(NamedTuple):
    id: UUID | None
    customer: str
    key: str
    fingerprint: str
    number: str
    state: str
    attempt: int
    lease_until: datetime
    answer: str
    created_at: datetime


def key_to_service(row: LegacyIdempotencyKey) -> IdempotencyKey:
    """Return the service's key. Attempts are counted from 1 there: whoever ran one here has no part in it."""
    if row.abandoned:
        state = "abandoned"
    else:
        state = "in_flight" if row.answer is None else "done"
    return IdempotencyKey(
        id=new_key(row.created, row.id),
        customer=row.cust_ref,
        key=row.key,
        fingerprint=row.fingerprint,
        number=row.order_no,
        state=state,
        attempt=1,
        lease_until=row.lease_until,
        answer=row.answer or "",
        created_at=row.created,
    )


def key_to_monolith(row: IdempotencyKey) -> LegacyIdempotencyKey:
    """Return the monolith's key, which draws an integer key of its own when it is new there."""
    return LegacyIdempotencyKey(
        id=None,
        cust_ref=row.customer,
        key=row.key,
        fingerprint=row.fingerprint,
        order_no=row.number,
        abandoned=row.state == "abandoned",
        lease_until=row.lease_until,
        answer=row.answer if row.state == "done" else None,
        created=row.created_at,
    )


KEY_TO_SERVICE: Final = {
    "id": uuid7_sql("created", "id"),
    "customer": "cust_ref",
    "key": "key",
    "fingerprint": "fingerprint",
    "number": "order_no",
    "state": "CASE WHEN abandoned THEN 'abandoned' WHEN answer IS NULL THEN 'in_flight' ELSE 'done' END",
    "attempt": "1",
    "lease_until": "lease_until",
    "answer": "coalesce(answer, '')",
    "created_at": "created",
}
KEY_TO_MONOLITH: Final = {
    "cust_ref": "customer",
    "key": "key",
    "fingerprint": "fingerprint",
    "order_no": "number",
    "abandoned": "state = 'abandoned'",
    "lease_until": "lease_until",
    "answer": "CASE WHEN state = 'done' THEN answer END",
    "created": "created_at",
}

LEGACY_KEYS: Final = Table(
    name="sales_idempotencykey",
    columns=(
        Column("id", "bigint"),
        Column("cust_ref", "text"),
        Column("key", "text"),
        Column("fingerprint", "text"),
        Column("order_no", "text"),
        Column("abandoned", "boolean"),
        Column("lease_until", "timestamptz"),
        Column("answer", "text"),
        Column("created", "timestamptz"),
    ),
    key=("cust_ref", "key"),
    source_only=("id",),
)
KEYS: Final = Table(
    name="orders_idempotencykey",
    columns=(
        Column("id", "uuid", own=True),
        Column("customer", "text"),
        Column("key", "text"),
        Column("fingerprint", "text"),
        Column("number", "text"),
        Column("state", "text"),
        Column("attempt", "integer", own=True),
        Column("lease_until", "timestamptz"),
        Column("answer", "text"),
        Column("created_at", "timestamptz"),
    ),
    key=("customer", "key"),
)
