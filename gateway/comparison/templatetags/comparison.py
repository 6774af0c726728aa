"""Numbers as people read them."""

from __future__ import annotations

from django import template

from gateway.comparison.browse import percent as _percent

register = template.Library()


@register.filter
def counted(number: int) -> str:
    """Return a count with its thousands apart."""
    return f"{number:,}"


@register.filter
def percent(share: float) -> str:
    """Return a share of 0..1 in percent."""
    return _percent(share)
