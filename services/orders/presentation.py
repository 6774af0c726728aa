"""How orders are shown. Pure: columns in, the contract's members out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from services.chassis.contract import history_up_to, money, timestamp


class OrderRow(NamedTuple):
    """The columns that an order's answer is made of."""

    number: str
    status: str
    placed_at: datetime
    customer: str
    ship_to_name: str
    ship_to_street: str
    ship_to_city: str
    ship_to_postcode: str
    ship_to_country: str
    total: Decimal


ORDER_COLUMNS: Final = OrderRow._fields
"""Of `Order`."""


class LineRow(NamedTuple):
    """The columns that a line is made of."""

    sku: str
    name: str
    quantity: int
    unit_price: Decimal


class ChangeRow(NamedTuple):
    """The columns that an entry of the history is made of."""

    status: str
    at: datetime


def order(row: OrderRow, *, lines: Sequence[LineRow], history: Sequence[ChangeRow]) -> dict[str, Any]:
    """Return an order's answer; the lines come in sku order, the history oldest first, and it is read last."""
    shown = history_up_to(row.status, history, of=lambda change: change.status)
    return {
        "number": row.number,
        "status": row.status,
        "placed_at": timestamp(row.placed_at),
        "customer": row.customer,
        "ship_to": {
            "name": row.ship_to_name,
            "street": row.ship_to_street,
            "city": row.ship_to_city,
            "postcode": row.ship_to_postcode,
            "country": row.ship_to_country,
        },
        "lines": [
            {
                "sku": line.sku,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": money(line.unit_price),
                "total": money(line.unit_price * line.quantity),
            }
            for line in lines
        ],
        "total": money(row.total),
        "history": [{"status": change.status, "at": timestamp(change.at)} for change in shown],
    }
