"""Orders, their lines and their history."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from services.sync.keys import new_key, uuid7_sql
from services.sync.mapping.money import amount, amount_sql, cents, cents_sql
from services.sync.mapping.words import translated_sql
from services.sync.tables import Column, Table

STATUSES: Final = {
    "N": "placed",
    "P": "paid",
    "S": "shipped",
    "D": "delivered",
    "X": "cancelled",
    "R": "refunded",
}
"""From the monolith's letter to the service's word."""
LETTERS: Final = {word: letter for letter, word in STATUSES.items()}


class LegacyOrder(NamedTuple):
    id: int | None
    order_no: str
    cust_ref: str
    status: str
    ship_name: str
    ship_street: str
    ship_city: str
    ship_postcode: str
    ship_country: str
    total_cents: int
    placed: datetime
    stock_settled: bool


class Order(NamedTuple):
    id: UUID | None
    number: str
    customer: str
    status: str
    ship_to_name: str
    ship_to_street: str
    ship_to_city: str
    ship_to_postcode: str
    ship_to_country: str
    total: Decimal
    placed_at: datetime
    stock_settled: bool


class LegacyOrderLine(NamedTuple):
    id: int | None
    placed: datetime
    """Its order's."""
    order_no: str
    line_no: int
    code: str
    title: str
    qty: int
    unit_cents: int


class OrderLine(NamedTuple):
    id: UUID | None
    placed_at: datetime
    """Its order's."""
    number: str
    position: int
    sku: str
    name: str
    quantity: int
    unit_price: Decimal


class LegacyStatusChange(NamedTuple):
    id: int | None
    order_no: str
    status: str
    at: datetime


class StatusChange(NamedTuple):
    id: UUID | None
    number: str
    status: str
    at: datetime


def order_to_service(row: LegacyOrder) -> Order:
    """Return the service's order."""
    return Order(
        id=new_key(row.placed, row.id),
        number=row.order_no,
        customer=row.cust_ref,
        status=STATUSES[row.status],
        ship_to_name=row.ship_name,
        ship_to_street=row.ship_street,
        ship_to_city=row.ship_city,
        ship_to_postcode=row.ship_postcode,
        ship_to_country=row.ship_country,
        total=amount(row.total_cents),
        placed_at=row.placed,
        stock_settled=row.stock_settled,
    )


def order_to_monolith(row: Order) -> LegacyOrder:
    """Return the monolith's order, which draws a key of its own when it is new there."""
    return LegacyOrder(
        id=None,
        order_no=row.number,
        cust_ref=row.customer,
        status=LETTERS[row.status],
        ship_name=row.ship_to_name,
        ship_street=row.ship_to_street,
        ship_city=row.ship_to_city,
        ship_postcode=row.ship_to_postcode,
        ship_country=row.ship_to_country,
        total_cents=cents(row.total),
        placed=row.placed_at,
        stock_settled=row.stock_settled,
    )


def line_to_service(row: LegacyOrderLine) -> OrderLine:
    """Return the service's line of an order."""
    return OrderLine(
        id=new_key(row.placed, row.id),
        placed_at=row.placed,
        number=row.order_no,
        position=row.line_no,
        sku=row.code,
        name=row.title,
        quantity=row.qty,
        unit_price=amount(row.unit_cents),
    )


def line_to_monolith(row: OrderLine) -> LegacyOrderLine:
    """Return the monolith's line of an order, which draws a key of its own when it is new there."""
    return LegacyOrderLine(
        id=None,
        placed=row.placed_at,
        order_no=row.number,
        line_no=row.position,
        code=row.sku,
        title=row.name,
        qty=row.quantity,
        unit_cents=cents(row.unit_price),
    )


def change_to_service(row: LegacyStatusChange) -> StatusChange:
    """Return the service's entry of an order's history."""
    return StatusChange(new_key(row.at, row.id), row.order_no, STATUSES[row.status], row.at)


def change_to_monolith(row: StatusChange) -> LegacyStatusChange:
    """Return the monolith's entry of an order's history, which draws a key of its own when it is new there."""
    return LegacyStatusChange(None, row.number, LETTERS[row.status], row.at)


ORDER_TO_SERVICE: Final = {
    "id": uuid7_sql("placed", "id"),
    "number": "order_no",
    "customer": "cust_ref",
    "status": translated_sql("status", STATUSES),
    "ship_to_name": "ship_name",
    "ship_to_street": "ship_street",
    "ship_to_city": "ship_city",
    "ship_to_postcode": "ship_postcode",
    "ship_to_country": "ship_country",
    "total": amount_sql("total_cents"),
    "placed_at": "placed",
    "stock_settled": "stock_settled",
}
ORDER_TO_MONOLITH: Final = {
    "order_no": "number",
    "cust_ref": "customer",
    "status": translated_sql("status", LETTERS),
    "ship_name": "ship_to_name",
    "ship_street": "ship_to_street",
    "ship_city": "ship_to_city",
    "ship_postcode": "ship_to_postcode",
    "ship_country": "ship_to_country",
    "total_cents": cents_sql("total"),
    "placed": "placed_at",
    "stock_settled": "stock_settled",
}
LINE_TO_SERVICE: Final = {
    "id": uuid7_sql("placed", "id"),
    "number": "order_no",
    "position": "line_no",
    "sku": "code",
    "name": "title",
    "quantity": "qty",
    "unit_price": amount_sql("unit_cents"),
}
LINE_TO_MONOLITH: Final = {
    "order_no": "number",
    "line_no": "position",
    "code": "sku",
    "title": "name",
    "qty": "quantity",
    "unit_cents": cents_sql("unit_price"),
}
CHANGE_TO_SERVICE: Final = {
    "id": uuid7_sql("at", "id"),
    "number": "order_no",
    "status": translated_sql("status", STATUSES),
    "at": "at",
}
CHANGE_TO_MONOLITH: Final = {"order_no": "number", "status": translated_sql("status", LETTERS), "at": "at"}

LEGACY_ORDERS: Final = Table(
    name="sales_order",
    columns=(
        Column("id", "bigint"),
        Column("order_no", "text"),
        Column("cust_ref", "text"),
        Column("status", "text"),
        Column("ship_name", "text"),
        Column("ship_street", "text"),
        Column("ship_city", "text"),
        Column("ship_postcode", "text"),
        Column("ship_country", "text"),
        Column("total_cents", "bigint"),
        Column("placed", "timestamptz"),
        Column("stock_settled", "boolean"),
    ),
    key=("order_no",),
    source_only=("id",),
)
ORDERS: Final = Table(
    name="orders_order",
    columns=(
        Column("id", "uuid", own=True),
        Column("number", "text"),
        Column("customer", "text"),
        Column("status", "text"),
        Column("ship_to_name", "text"),
        Column("ship_to_street", "text"),
        Column("ship_to_city", "text"),
        Column("ship_to_postcode", "text"),
        Column("ship_to_country", "text"),
        Column("total", "numeric"),
        Column("placed_at", "timestamptz"),
        Column("stock_settled", "boolean"),
    ),
    key=("number",),
)
LEGACY_LINES: Final = Table(
    name="sales_orderline",
    columns=(
        Column("id", "bigint"),
        Column("placed", "timestamptz", column="order_id", refers_to="sales_order", its="placed"),
        Column("order_no", "text", column="order_id", refers_to="sales_order", its="order_no"),
        Column("line_no", "integer"),
        Column("code", "text"),
        Column("title", "text"),
        Column("qty", "integer"),
        Column("unit_cents", "integer"),
    ),
    key=("order_no", "line_no"),
    source_only=("id", "placed"),
    dependents=(("sales_return", "line_id"),),
)
LINES: Final = Table(
    name="orders_orderline",
    columns=(
        Column("id", "uuid", own=True),
        Column("placed_at", "timestamptz", column="order_id", refers_to="orders_order", its="placed_at"),
        Column("number", "text", column="order_id", refers_to="orders_order", its="number"),
        Column("position", "integer"),
        Column("sku", "text"),
        Column("name", "text"),
        Column("quantity", "integer"),
        Column("unit_price", "numeric"),
    ),
    key=("number", "position"),
    source_only=("placed_at",),
)
LEGACY_CHANGES: Final = Table(
    name="sales_statuschange",
    columns=(
        Column("id", "bigint"),
        Column("order_no", "text", column="order_id", refers_to="sales_order", its="order_no"),
        Column("status", "text"),
        Column("at", "timestamptz"),
    ),
    key=("order_no", "status"),
    source_only=("id",),
)
CHANGES: Final = Table(
    name="orders_statuschange",
    columns=(
        Column("id", "uuid", own=True),
        Column("number", "text", column="order_id", refers_to="orders_order", its="number"),
        Column("status", "text"),
        Column("at", "timestamptz"),
    ),
    key=("number", "status"),
)
