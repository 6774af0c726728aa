"""The words and limits of the public API, as `docs/contract.md` states them. Pure."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeVar

T = TypeVar("T")

CURRENCY: Final = "GBP"
PRICE_MIN: Final = Decimal("0.01")
PRICE_MAX: Final = Decimal("99999.99")

SKU: Final = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,39}", re.ASCII)
ORDER_NUMBER: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{3,39}", re.ASCII)
IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
AMOUNT: Final = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
"""A decimal string of money as clients may send it; answers always have two places."""

PAGE_SIZE: Final = 20
PAGE_SIZE_MAX: Final = 100
SEARCH_MAX: Final = 100
NAME_MAX: Final = 200
DESCRIPTION_MAX: Final = 2000
STOCK_MAX: Final = 1_000_000
SKUS_MAX: Final = 100
LINES_MAX: Final = 100
QUANTITY_MAX: Final = 10_000
CUSTOMER_MAX: Final = 64
SHIP_TO_MAX: Final = {"name": 200, "street": 200, "city": 200, "postcode": 60, "country": 60}
BODY_MAX: Final = 1 << 20
"""Bytes."""

ORDERINGS: Final = ("name", "-name", "price", "-price", "newest")

STATUSES: Final = ("placed", "paid", "shipped", "delivered", "cancelled", "refunded")
TRANSITIONS: Final = frozenset(
    {
        ("placed", "paid"),
        ("placed", "cancelled"),
        ("paid", "shipped"),
        ("paid", "cancelled"),
        ("shipped", "delivered"),
        ("delivered", "refunded"),
    }
)

RESERVATION_TTL: Final = 120.0
"""Seconds that a reservation is held before the sweeper asks what became of its order."""
PLACEMENT_LEASE: Final = 30.0
"""Seconds after which a placement that has not finished counts as dead."""

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_order_number() -> str:
    """Return a new public order id: 60 random bits, so that it tells nothing and is never guessed."""
    return "TC-" + "".join(secrets.choice(_CROCKFORD) for _ in range(12))


def fingerprint(*, lines: Iterable[tuple[str, int]], ship_to: Mapping[str, str]) -> str:
    """Return what tells one placement's payload from another's: 64 hex digits.

    Takes (sku, quantity) and the address after validation, so that neither the body's bytes nor the order of its
    lines matter. Keys move between databases with their orders: every owner must compute this alike.
    """
    canonical = [sorted(lines), [ship_to[name] for name in SHIP_TO_MAX]]
    return hashlib.sha256(json.dumps(canonical, separators=(",", ":")).encode()).hexdigest()


def history_up_to(status: str, history: Sequence[T], *, of: Callable[[T], str]) -> Sequence[T]:
    """Return an order's history, oldest first, without what came after a status; all of it without the status.

    An order is read in several statements, and may reach another status between them. None is reached twice.
    """
    for count, change in enumerate(history, start=1):
        if of(change) == status:
            return history[:count]
    return history


def storable(value: str) -> bool:
    """Tell whether PostgreSQL can hold the text: no NUL, no lone surrogate."""
    return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def money(amount: Decimal) -> dict[str, str]:
    """Return the contract's form of an amount."""
    return {"amount": f"{amount:.2f}", "currency": CURRENCY}


def money_from_cents(cents: int) -> dict[str, str]:
    """Return the contract's form of an amount kept in integer cents."""
    return money(Decimal(cents).scaleb(-2))


def cents(amount: Decimal) -> int:
    """Return the amount in integer cents; ValueError when that would lose anything."""
    scaled = amount.scaleb(2)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has fractions of a cent")
    return int(scaled)


def timestamp(moment: datetime) -> str:
    """Return the contract's form of a moment."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
