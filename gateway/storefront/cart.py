"""What a shopper means to buy: `{sku: quantity}` in the session, in the order in which it was put there.

    CartFull              one more line than a cart, and so an order, can have

The functions are pure; `SessionCart` is where a change is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from gateway.storefront.shapes import Product
from services.chassis import contract

Lines = dict[str, int]

_KEY: Final = "cart"
_SEEN: Final = "cart_prices"


class CartFull(Exception):
    """One more line than a cart can have."""


def sane(stored: object) -> Lines:
    """Return the lines that can be used, whatever the session held."""
    if not isinstance(stored, dict):
        return {}
    lines: Lines = {}
    for sku, quantity in stored.items():
        if len(lines) == contract.LINES_MAX:
            break
        if (
            isinstance(sku, str)
            and contract.SKU.fullmatch(sku)
            and isinstance(quantity, int)
            and not isinstance(quantity, bool)
            and quantity > 0
        ):
            lines[sku] = min(quantity, contract.QUANTITY_MAX)
    return lines


def with_quantity(lines: Lines, *, sku: str, quantity: int) -> Lines:
    """Return the lines with so many of the sku, none when below one; CartFull when there is no room for it."""
    if quantity < 1:
        return {other: count for other, count in lines.items() if other != sku}
    if sku not in lines and len(lines) >= contract.LINES_MAX:
        raise CartFull
    return {**lines, sku: min(quantity, contract.QUANTITY_MAX)}


def without(lines: Lines, bought: Mapping[str, int]) -> Lines:
    """Return what is left when these have been bought."""
    return {sku: left for sku, quantity in lines.items() if (left := quantity - bought.get(sku, 0)) > 0}


def quantity_in(text: str) -> int | None:
    """Return the whole number in a form's field, capped just above what a line can have; None when there is none."""
    text = text.strip()
    if not text.isascii() or not text.isdigit():
        return None
    return int(text) if len(text) <= len(str(contract.QUANTITY_MAX)) else contract.QUANTITY_MAX + 1


@dataclass(frozen=True, slots=True)
class CartLine:
    """A line as the shopper sees it: what the catalogue says now beside what was wanted."""

    sku: str
    quantity: int
    product: Product | None
    """None when it is no longer sold."""
    seen_price: Decimal | None = None
    """The price when the shopper put it there, where known."""

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity if self.product else Decimal(0)

    @property
    def short(self) -> bool:
        return self.product is not None and self.product.stock < self.quantity

    @property
    def buyable(self) -> bool:
        return self.product is not None and not self.short

    @property
    def price_was(self) -> Decimal | None:
        """The earlier price, when the price has changed since."""
        if self.product is None or self.seen_price in {None, self.product.price}:
            return None
        return self.seen_price


@dataclass(frozen=True, slots=True)
class Priced:
    """A whole cart at today's prices."""

    lines: tuple[CartLine, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines if line.product)

    @property
    def buyable(self) -> bool:
        return bool(self.lines) and all(line.buyable for line in self.lines)


def priced(lines: Mapping[str, int], products: Mapping[str, Product], seen: Mapping[str, Decimal]) -> Priced:
    """Return the lines beside the products that are still sold."""
    return Priced(
        tuple(
            CartLine(sku=sku, quantity=quantity, product=products.get(sku), seen_price=seen.get(sku))
            for sku, quantity in lines.items()
        )
    )


class Session(Protocol):
    """What the cart needs of Django's session."""

    def get(self, key: str) -> Any: ...

    def __setitem__(self, key: str, value: Any) -> None: ...


class SessionCart:
    """The cart in a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def lines(self) -> Lines:
        return sane(self._session.get(_KEY))

    @property
    def units(self) -> int:
        return sum(self.lines.values())

    @property
    def seen_prices(self) -> dict[str, Decimal]:
        """The price of each sku when it was put there."""
        stored = self._session.get(_SEEN)
        if not isinstance(stored, dict):
            return {}
        return {
            str(sku): Decimal(price)
            for sku, price in stored.items()
            if isinstance(price, str) and contract.AMOUNT.fullmatch(price)
        }

    def put(self, product: Product, *, quantity: int) -> None:
        """Have exactly so many of the product in the cart; CartFull when there is no room for it."""
        self._keep(with_quantity(self.lines, sku=product.sku, quantity=quantity), {product.sku: product.price})

    def remove(self, sku: str) -> None:
        """Have none of the sku in the cart."""
        self._keep(with_quantity(self.lines, sku=sku, quantity=0))

    def take(self, bought: Mapping[str, int]) -> None:
        """Leave in the cart what was not bought."""
        self._keep(without(self.lines, bought))

    def _keep(self, lines: Lines, prices: Mapping[str, Decimal] | None = None) -> None:
        seen = self.seen_prices | dict(prices or {})
        self._session[_KEY] = lines
        self._session[_SEEN] = {sku: f"{price:.2f}" for sku, price in seen.items() if sku in lines}
