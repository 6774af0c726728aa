"""The catalogue: finding, creating, changing and deleting products.

Problems: `not-found`, `no-such-page`, `sku-taken`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg.errors
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower

from services.chassis.drf import pages
from services.chassis.problems import Problem
from services.ownership import fence
from services.products import presentation
from services.products.models import Category, Product
from services.products.presentation import PRODUCT_COLUMNS, ProductRow


def live() -> QuerySet[Product]:
    """Return the products that have not been deleted."""
    return Product.objects.filter(deleted_at=None)


def page_of(*, rows: QuerySet[Product], page: int, page_size: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many products there are, and those on one page. The rows come in a total order."""
    count = rows.order_by().count()
    start = pages.offset(count=count, page=page, page_size=page_size)
    if not count:
        return 0, []
    found = rows.values_list(*PRODUCT_COLUMNS)[start : start + page_size]
    return count, [presentation.product(ProductRow._make(row)) for row in found]


def product(*, sku: str) -> dict[str, Any]:
    """Return one product."""
    row = live().filter(sku=sku).values_list(*PRODUCT_COLUMNS).first()
    if row is None:
        raise Problem("not-found")
    return presentation.product(ProductRow._make(row))


def categories() -> list[dict[str, Any]]:
    """Return the categories that have a live product, by name, each with how many."""
    counted = Category.objects.annotate(live=Count("products", filter=Q(products__deleted_at=None)))
    rows = counted.filter(live__gt=0).order_by(Lower("name"), "slug").values_list("slug", "name", "live")
    return [{"slug": slug, "name": name, "products": products} for slug, name, products in rows]


def create(
    *, sku: str, name: str, description: str, category: Category | None, price: Decimal, stock: int, now: datetime
) -> dict[str, Any]:
    """Add a product and return it; `sku-taken` also when a deleted product has the sku."""
    added = Product(
        sku=sku,
        name=name,
        description=description,
        category=category,
        price=price,
        stock=stock,
        created_at=now,
        updated_at=now,
    )
    try:
        with transaction.atomic():
            fence.enter("products")
            added.save(force_insert=True)
    except IntegrityError as error:
        if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
            raise Problem("sku-taken") from None
        raise
    return product(sku=sku)


@transaction.atomic
def change(*, sku: str, changes: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Set some columns of a product and return it. Without any, nothing is touched."""
    fence.enter("products")
    if changes and not live().filter(sku=sku).update(**changes, updated_at=now):
        raise Problem("not-found")
    return product(sku=sku)


@transaction.atomic
def delete(*, sku: str, now: datetime) -> None:
    """Take a product out of every answer. Its sku stays taken, and what is held of it can still be released."""
    fence.enter("products")
    if not live().filter(sku=sku).update(deleted_at=now, updated_at=now):
        raise Problem("not-found")
