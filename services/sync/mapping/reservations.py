"""Reservations of stock and their lines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from services.sync.keys import new_key, uuid7_sql
from services.sync.mapping.money import amount, amount_sql, cents, cents_sql
from services.sync.mapping.words import translated_sql
from services.sync.tables import Column, Table

STATES: Final = {"H": "held", "C": "confirmed", "R": "released"}
"""From the monolith's letter to the service's word."""
LETTERS: Final = {word: letter for letter, word in STATES.items()}


class LegacyReservation(NamedTuple):
    id: int | None
    order_no: str
    cust_ref: str
    state: str
    expires: datetime
    created: datetime


class Reservation(NamedTuple):
    id: UUID | None
    order: str
    customer: str
    state: str
    expires_at: datetime
    created_at: datetime


class LegacyReservationLine(NamedTuple):
    id: int | None
    created: datetime
    """Its reservation's."""
    order_no: str
    code: str
    title: str
    qty: int
    unit_cents: int


class ReservationLine(NamedTuple):
    id: UUID | None
    created_at: datetime
    """Its reservation's."""
    order: str
    sku: str
    name: str
    quantity: int
    unit_price: Decimal


def reservation_to_service(row: LegacyReservation) -> Reservation:
    """Return the service's reservation."""
    return Reservation(
        id=new_key(row.created, row.id),
        order=row.order_no,
        customer=row.cust_ref,
        state=STATES[row.state],
        expires_at=row.expires,
        created_at=row.created,
    )


def reservation_to_monolith(row: Reservation) -> LegacyReservation:
    """Return the monolith's reservation, which draws a key of its own when it is new there."""
    return LegacyReservation(
        id=None,
        order_no=row.order,
        cust_ref=row.customer,
        state=LETTERS[row.state],
        expires=row.expires_at,
        created=row.created_at,
    )


def line_to_service(row: LegacyReservationLine) -> ReservationLine:
    """Return the service's line of a reservation."""
    return ReservationLine(
        id=new_key(row.created, row.id),
        created_at=row.created,
        order=row.order_no,
        sku=row.code,
        name=row.title,
        quantity=row.qty,
        unit_price=amount(row.unit_cents),
    )


def line_to_monolith(row: ReservationLine) -> LegacyReservationLine:
    """Return the monolith's line of a reservation, which draws a key of its own when it is new there."""
    return LegacyReservationLine(
        id=None,
        created=row.created_at,
        order_no=row.order,
        code=row.sku,
        title=row.name,
        qty=row.quantity,
        unit_cents=cents(row.unit_price),
    )


RESERVATION_TO_SERVICE: Final = {
    "id": uuid7_sql("created", "id"),
    "order": "order_no",
    "customer": "cust_ref",
    "state": translated_sql("state", STATES),
    "expires_at": "expires",
    "created_at": "created",
}
RESERVATION_TO_MONOLITH: Final = {
    "order_no": '"order"',
    "cust_ref": "customer",
    "state": translated_sql("state", LETTERS),
    "expires": "expires_at",
    "created": "created_at",
}
LINE_TO_SERVICE: Final = {
    "id": uuid7_sql("created", "id"),
    "order": "order_no",
    "sku": "code",
    "name": "title",
    "quantity": "qty",
    "unit_price": amount_sql("unit_cents"),
}
LINE_TO_MONOLITH: Final = {
    "order_no": '"order"',
    "code": "sku",
    "title": "name",
    "qty": "quantity",
    "unit_cents": cents_sql("unit_price"),
}

LEGACY_RESERVATIONS: Final = Table(
    name="catalogue_reservation",
    columns=(
        Column("id", "bigint"),
        Column("order_no", "text"),
        Column("cust_ref", "text"),
        Column("state", "text"),
        Column("expires", "timestamptz"),
        Column("created", "timestamptz"),
    ),
    key=("order_no",),
    source_only=("id",),
)
RESERVATIONS: Final = Table(
    name="products_reservation",
    columns=(
        Column("id", "uuid", own=True),
        Column("order", "text"),
        Column("customer", "text"),
        Column("state", "text"),
        Column("expires_at", "timestamptz"),
        Column("created_at", "timestamptz"),
    ),
    key=("order",),
)
LEGACY_LINES: Final = Table(
    name="catalogue_reservationline",
    columns=(
        Column("id", "bigint"),
        Column("created", "timestamptz", column="reservation_id", refers_to="catalogue_reservation", its="created"),
        Column("order_no", "text", column="reservation_id", refers_to="catalogue_reservation", its="order_no"),
        Column("code", "text", column="product_id", refers_to="catalogue_product", its="code"),
        Column("title", "text"),
        Column("qty", "integer"),
        Column("unit_cents", "integer"),
    ),
    key=("order_no", "code"),
    source_only=("id", "created"),
)
LINES: Final = Table(
    name="products_reservationline",
    columns=(
        Column("id", "uuid", own=True),
        Column(
            "created_at", "timestamptz", column="reservation_id", refers_to="products_reservation", its="created_at"
        ),
        Column("order", "text", column="reservation_id", refers_to="products_reservation", its="order"),
        Column("sku", "text"),
        Column("name", "text"),
        Column("quantity", "integer"),
        Column("unit_price", "numeric"),
    ),
    key=("order", "sku"),
    source_only=("created_at",),
    needs=(("sku", "products_product", "sku"),),
)
