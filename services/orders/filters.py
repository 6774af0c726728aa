"""The parameters of `GET /orders`, and the rows that they leave."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import Filter

from services.chassis import contract
from services.chassis.drf.parameters import (
    ListParameters,
    TextParameter,
    WordParameter,
    page_filter,
    page_size_filter,
)
from services.orders.models import Order

Rows = QuerySet[Order]


class _Status(Filter):  # type: ignore[misc]
    field_class = WordParameter

    def filter(self, qs: Rows, value: str | None) -> Rows:
        return qs if value is None else qs.filter(status=value)


class _Customer(Filter):  # type: ignore[misc]
    field_class = TextParameter

    def filter(self, qs: Rows, value: str | None) -> Rows:
        return qs if value is None else qs.filter(customer=value)


class OrderParameters(ListParameters):
    """What a customer may ask of the list."""

    status = _Status(words=contract.STATUSES)
    page = page_filter()
    page_size = page_size_filter()


class OperatorParameters(ListParameters):
    """What an operator may ask of the list."""

    status = _Status(words=contract.STATUSES)
    customer = _Customer(limit=contract.CUSTOMER_MAX)
    page = page_filter()
    page_size = page_size_filter()
