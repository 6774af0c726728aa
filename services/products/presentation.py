"""How rows are shown. Pure: tuples of columns in, the contract's members out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from services.chassis.contract import money, timestamp


class ProductRow(NamedTuple):
    """The columns that a product's answer is made of."""

    sku: str
    name: str
    description: str
    category_slug: str | None
    category_name: str | None
    price: Decimal
    stock: int
    created_at: datetime
    updated_at: datetime


PRODUCT_COLUMNS: Final = (
    "sku",
    "name",
    "description",
    "category__slug",
    "category__name",
    "price",
    "stock",
    "created_at",
    "updated_at",
)
"""Of `Product`, in the order of `ProductRow`."""


class ReservationRow(NamedTuple):
    """The columns that a reservation's answer is made of."""

    order: str
    customer: str
    state: str
    expires_at: datetime


class ReservationLineRow(NamedTuple):
    """The columns that a reservation's line is made of."""

    sku: str
    name: str
    quantity: int
    unit_price: Decimal


def product(row: ProductRow) -> dict[str, Any]:
    """Return a product's answer."""
    sku, name, description, category_slug, category_name, price, stock, created_at, updated_at = row
    return {
        "sku": sku,
        "name": name,
        "description": description,
        "category": {"slug": category_slug, "name": category_name} if category_slug is not None else None,
        "price": money(price),
        "stock": stock,
        "in_stock": stock > 0,
        "created_at": timestamp(created_at),
        "updated_at": timestamp(updated_at),
    }


def reservation(row: ReservationRow, lines: Iterable[ReservationLineRow]) -> dict[str, Any]:
    """Return a reservation's answer; the lines come in sku order."""
    return {
        "order": row.order,
        "customer": row.customer,
        "state": row.state,
        "expires_at": timestamp(row.expires_at),
        "lines": [
            {"sku": line.sku, "name": line.name, "quantity": line.quantity, "unit_price": money(line.unit_price)}
            for line in lines
        ],
    }
