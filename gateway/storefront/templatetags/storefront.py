"""How the storefront's templates say prices, stock, statuses and moments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from gateway.storefront.cart import SessionCart
from gateway.storefront.shapes import Product

register = template.Library()

FEW: Final = 5
"""From this stock downwards it is said how many are left."""

_STATUS_WORDS: Final = {
    "placed": "Placed",
    "paid": "Paid",
    "shipped": "On its way",
    "delivered": "Delivered",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
}


@register.filter
def money(amount: Decimal) -> str:
    """Return the amount as shoppers read it: £1,234.50."""
    return f"£{amount:,.2f}"


@register.filter
def stock_words(product: Product) -> str:
    """Return whether and how many can be bought."""
    if product.stock == 0:
        return "Out of stock"
    return f"Only {product.stock} left" if product.stock <= FEW else "In stock"


@register.filter
def stock_kind(product: Product) -> str:
    """Return the badge's variant."""
    if product.stock == 0:
        return "out"
    return "few" if product.stock <= FEW else "in"


@register.filter
def status_words(status: str) -> str:
    """Return an order's status in the shopper's words."""
    return _STATUS_WORDS.get(status, status)


@register.filter
def day(moment: datetime) -> str:
    """Return the date: 23 November 2026."""
    return f"{moment.day} {moment:%B %Y}"


@register.filter
def day_and_time(moment: datetime) -> str:
    """Return the date and the time: 23 November 2026, 10:05 UTC."""
    return f"{day(moment)}, {moment:%H:%M} UTC"


@register.filter
def picture(product: Product) -> str:
    """Return the address of the product's picture."""
    address = reverse("storefront:picture", kwargs={"sku": product.sku})
    return f"{address}?{urlencode({'c': product.category.slug})}" if product.category else address


@register.simple_tag(takes_context=True)
def cart_units(context: dict[str, Any]) -> int:
    """Return how many things are in the shopper's cart; 0 on pages that know no shopper."""
    session = getattr(context.get("request"), "session", None)
    return 0 if session is None else SessionCart(session).units
