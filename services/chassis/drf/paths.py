"""The contract's names in paths. What does not match leads nowhere, so it is a 404."""

from __future__ import annotations

from django.urls import register_converter

from services.chassis import contract


class SkuConverter:
    regex = contract.SKU.pattern

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class OrderNumberConverter(SkuConverter):
    regex = contract.ORDER_NUMBER.pattern


def register() -> None:
    """Make `<sku:…>` and `<number:…>` known to URL patterns."""
    register_converter(SkuConverter, "sku")
    register_converter(OrderNumberConverter, "number")
