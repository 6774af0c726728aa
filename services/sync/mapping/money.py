"""Integer cents and exact decimals."""

from __future__ import annotations

from decimal import Decimal


def amount(cents: int) -> Decimal:
    """Return the amount with two places."""
    return Decimal(cents).scaleb(-2)


def cents(amount: Decimal) -> int:
    """Return the integer cents; ValueError when that would lose anything."""
    scaled = amount.scaleb(2)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{amount} has fractions of a cent")
    return whole
