"""The catalogue's rows as the contract shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from legacy_monolith.catalogue.models import Product, Reservation, ReservationLine
from services.chassis import contract


def product(row: Product) -> dict[str, Any]:
    """Return a product, whose category has been loaded."""
    return {
        "sku": row.code,
        "name": row.title,
        "description": row.descr,
        "category": None if row.category is None else {"slug": row.category.slug, "name": row.category.name},
        "price": contract.money_from_cents(row.price_cents),
        "stock": row.qty,
        "in_stock": row.qty > 0,
        "created_at": contract.timestamp(row.created),
        "updated_at": contract.timestamp(row.modified),
    }


def category(slug: str, name: str, products: int) -> dict[str, Any]:
    """Return a category and how many live products it has."""
    return {"slug": slug, "name": name, "products": products}


def reservation(row: Reservation, lines: Iterable[ReservationLine]) -> dict[str, Any]:
    """Return a reservation with its lines, which come in sku order and with their products loaded."""
    return {
        "order": row.order_no,
        "customer": row.cust_ref,
        "state": row.get_state_display(),
        "expires_at": contract.timestamp(row.expires),
        "lines": [
            {
                "sku": line.product.code,
                "name": line.title,
                "quantity": line.qty,
                "unit_price": contract.money_from_cents(line.unit_cents),
            }
            for line in lines
        ],
    }
