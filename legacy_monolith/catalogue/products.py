"""Finding products, and what operators do to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Lower

from legacy_monolith import locks
from legacy_monolith.catalogue.criteria import Criteria
from legacy_monolith.catalogue.drafts import Draft
from legacy_monolith.catalogue.models import Category, Product
from services.chassis.problems import Problem
from services.ownership import fence

_ORDERINGS: Final = {
    "name": Lower("title").asc(),
    "-name": Lower("title").desc(),
    "price": F("price_cents").asc(),
    "-price": F("price_cents").desc(),
    "newest": F("created").desc(),
}
_COLUMNS: Final = {"name": "title", "description": "descr", "price": "price_cents", "stock": "qty"}


def find(criteria: Criteria) -> tuple[int, QuerySet[Product]]:
    """Return how many products match, and those of the page with their categories. Two queries."""
    found = _matching(criteria)
    count = found.count()
    first, end = criteria.paging.bounds(count)
    page = found.select_related("category").order_by(_ORDERINGS[criteria.ordering], "code")
    return count, page[first:end]


def get(*, sku: str) -> Product:
    """Return a product with its category; the problem when there is none."""
    product = Product.objects.select_related("category").filter(code=sku, active=True).first()
    if product is None:
        raise Problem("not-found")
    return product


def categories() -> Iterable[tuple[str, str, int]]:
    """Return (slug, name, number of live products) of the categories that have any, by name."""
    live = Count("products", filter=Q(products__active=True))
    counted = Category.objects.annotate(live=live).filter(live__gt=0).order_by(Lower("name"), "slug")
    return counted.values_list("slug", "name", "live")


def category_exists(slug: str) -> bool:
    """Return whether there is such a category."""
    return Category.objects.filter(slug=slug).exists()


@transaction.atomic
def create(*, draft: Draft, now: datetime) -> Product:
    """Make and return a product; the problem when its sku is, or was, another's."""
    fence.enter("products")
    product, created = Product.objects.get_or_create(
        code=draft.sku,
        defaults={
            "title": draft.name,
            "descr": draft.description,
            "category": _category(draft.category),
            "price_cents": draft.price,
            "qty": draft.stock,
            "created": now,
            "modified": now,
        },
    )
    if not created:
        raise Problem("sku-taken")
    return product


@transaction.atomic
def change(*, sku: str, changes: Mapping[str, Any], now: datetime) -> Product:
    """Change a product by members of a `Draft`, and return it; the problem when there is none."""
    fence.enter("products")
    product = _locked(sku)
    columns = {_COLUMNS[name]: value for name, value in changes.items() if name in _COLUMNS}
    if "category" in changes:
        columns["category"] = _category(changes["category"])
    if columns:
        columns["modified"] = now
        for name, value in columns.items():
            setattr(product, name, value)
        product.save(update_fields=columns.keys())
    return product


@transaction.atomic
def delete(*, sku: str, now: datetime) -> None:
    """Take a product off every answer; the problem when there is none."""
    fence.enter("products")
    product = _locked(sku)
    product.active = False
    product.modified = now
    product.save(update_fields=["active", "modified"])


def _matching(criteria: Criteria) -> QuerySet[Product]:
    found = Product.objects.filter(active=True)
    for term in criteria.terms:
        found = found.filter(Q(title__icontains=term) | Q(code__icontains=term) | Q(descr__icontains=term))
    if criteria.category is not None:
        found = found.filter(category__slug=criteria.category)
    if criteria.price_min is not None:
        found = found.filter(price_cents__gte=criteria.price_min)
    if criteria.price_max is not None:
        found = found.filter(price_cents__lte=criteria.price_max)
    if criteria.in_stock is not None:
        found = found.filter(qty__gt=0) if criteria.in_stock else found.filter(qty=0)
    if criteria.skus is not None:
        found = found.filter(code__in=criteria.skus)
    return found


def _locked(sku: str) -> Product:
    product = locks.products([sku]).get(sku)
    if product is None or not product.active:
        raise Problem("not-found")
    return product


def _category(slug: str | None) -> Category | None:
    return None if slug is None else Category.objects.get(slug=slug)
