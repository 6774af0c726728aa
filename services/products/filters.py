"""The parameters of `GET /products`, and the rows that they leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.db.models import F, OrderBy, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Lower
from django_filters import Filter

from services.chassis import contract
from services.chassis.drf.parameters import (
    AmountParameter,
    ListParameters,
    NamesParameter,
    TextParameter,
    WordParameter,
    page_filter,
    page_size_filter,
)
from services.products.models import Product

_ORDERINGS: Final[dict[str, Combinable | OrderBy]] = {
    "name": Lower("name"),
    "-name": Lower("name").desc(),
    "price": F("price"),
    "-price": F("price").desc(),
    "newest": F("created_at").desc(),
}

Rows = QuerySet[Product]


class _Search(Filter):  # type: ignore[misc]
    field_class = TextParameter

    def filter(self, qs: Rows, value: str | None) -> Rows:
        for term in (value or "").split():
            qs = qs.filter(search_text__contains=term.lower())
        return qs


class _Category(Filter):  # type: ignore[misc]
    field_class = TextParameter

    def filter(self, qs: Rows, value: str | None) -> Rows:
        return qs if value is None else qs.filter(category__slug=value)


class _PriceMin(Filter):  # type: ignore[misc]
    field_class = AmountParameter

    def filter(self, qs: Rows, value: Decimal | None) -> Rows:
        return qs if value is None else qs.filter(price__gte=value)


class _PriceMax(Filter):  # type: ignore[misc]
    field_class = AmountParameter

    def filter(self, qs: Rows, value: Decimal | None) -> Rows:
        return qs if value is None else qs.filter(price__lte=value)


class _InStock(Filter):  # type: ignore[misc]
    field_class = WordParameter

    def filter(self, qs: Rows, value: str | None) -> Rows:
        if value is None:
            return qs
        return qs.filter(stock__gt=0) if value == "true" else qs.filter(stock=0)


class _Skus(Filter):  # type: ignore[misc]
    field_class = NamesParameter

    def filter(self, qs: Rows, value: list[str] | None) -> Rows:
        return qs if value is None else qs.filter(sku__in=value)


class _Ordering(Filter):  # type: ignore[misc]
    field_class = WordParameter

    def filter(self, qs: Rows, value: str | None) -> Rows:
        return qs.order_by(_ORDERINGS[value or "name"], "sku")


class ProductParameters(ListParameters):
    """What a client may ask of the list."""

    search = _Search(limit=contract.SEARCH_MAX)
    category = _Category()
    price_min = _PriceMin()
    price_max = _PriceMax()
    in_stock = _InStock(words=("true", "false"))
    sku = _Skus(pattern=contract.SKU, limit=contract.SKUS_MAX)
    ordering = _Ordering(words=contract.ORDERINGS)
    page = page_filter()
    page_size = page_size_filter()
