"""Path converters: what does not match the contract's patterns is no route, so a 404."""

from __future__ import annotations

from django.urls import register_converter

from services.chassis import contract


class _Text:
    regex: str = "[^/]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Sku(_Text):
    """A product's sku."""

    regex = contract.SKU.pattern


class OrderNumber(_Text):
    """An order's number."""

    regex = contract.ORDER_NUMBER.pattern


register_converter(Sku, "sku")
register_converter(OrderNumber, "order_number")
