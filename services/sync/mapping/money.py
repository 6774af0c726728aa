"""Integer cents and exact decimals, and the same as SQL expressions over a column."""

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


def amount_sql(column: str) -> str:
    """Return the expression of the amount: a product has as many places as its factors."""
    return f"{column} * 0.01"


def cents_sql(column: str) -> str:
    """Return the expression of the integer cents. Columns of amounts have two places, so that none is lost."""
    return f"{column} * 100"
