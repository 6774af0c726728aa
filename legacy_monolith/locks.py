"""Every lock that the monolith takes, in the one order in which they may be taken.

    1. the ownership of a customer's orders, and that of products (advisory, shared)
    2. the right to work on an idempotency key (advisory)
    3. the key's row
    4. an order
    5. a reservation
    6. products, by code

A transaction may skip steps, never go back. All are held to its end.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from legacy_monolith.catalogue.models import Product, Reservation
from legacy_monolith.sales.models import IdempotencyKey, Order


def try_placement(*, customer: str, key: str) -> bool:
    """Take the right to work on a customer's key; False, without waiting, when another transaction has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended('placement:' || length(%(customer)s::text)"
            " || ':' || %(customer)s || %(key)s, 0))",
            {"customer": customer, "key": key},
        )
        return bool(cursor.fetchone()[0])


def key_of(*, customer: str, key: str) -> IdempotencyKey | None:
    """Lock and return the row of a customer's key."""
    return IdempotencyKey.objects.select_for_update().filter(cust_ref=customer, key=key).first()


def key_for(*, order_no: str) -> IdempotencyKey | None:
    """Lock and return the row of the key whose placement has this order number."""
    return IdempotencyKey.objects.select_for_update().filter(order_no=order_no).first()


def order(*, order_no: str) -> Order | None:
    """Lock and return an order."""
    return Order.objects.select_for_update().filter(order_no=order_no).first()


def reservation(*, order_no: str) -> Reservation | None:
    """Lock and return an order's reservation."""
    return Reservation.objects.select_for_update().filter(order_no=order_no).first()


def products(codes: Iterable[str]) -> dict[str, Product]:
    """Lock and return the products that exist, deleted ones included, by code and in that order."""
    # Rows are locked as the sorted scan returns them: two transactions meet at the lowest code they share.
    found = Product.objects.select_for_update().filter(code__in=set(codes)).order_by("code")
    return {product.code: product for product in found}
