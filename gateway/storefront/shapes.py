"""What the storefront knows of the API's answers: frozen values, read strictly. Pure.

Readers raise KeyError, TypeError, ValueError or AttributeError for anything that is not the contract's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar

from services.chassis import contract

Item = TypeVar("Item")


def amount(money: Mapping[str, Any]) -> Decimal:
    """Return the amount of the contract's money; ValueError for another currency or an odd amount."""
    text = money["amount"]
    if money["currency"] != contract.CURRENCY or not contract.AMOUNT.fullmatch(text):
        raise ValueError("not an amount in the shop's currency")
    return Decimal(text)


def moment(text: str) -> datetime:
    """Return the contract's time, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Category:
    slug: str
    name: str
    products: int = 0
    """Live products in it; 0 where the answer did not say."""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(slug=str(data["slug"]), name=str(data["name"]), products=int(data.get("products", 0)))


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    name: str
    description: str
    category: Category | None
    price: Decimal
    stock: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        category = data["category"]
        return cls(
            sku=str(data["sku"]),
            name=str(data["name"]),
            description=str(data["description"]),
            category=None if category is None else Category.read(category),
            price=amount(data["price"]),
            stock=int(data["stock"]),
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list."""

    results: tuple[Item, ...]
    count: int
    number: int
    pages: int

    @classmethod
    def read(cls, data: Mapping[str, Any], item: Callable[[Mapping[str, Any]], Item]) -> Self:
        return cls(
            results=tuple(item(result) for result in data["results"]),
            count=int(data["count"]),
            number=int(data["page"]),
            pages=int(data["pages"]),
        )


@dataclass(frozen=True, slots=True)
class Address:
    """Where an order goes; the fields are the contract's `ship_to`."""

    name: str
    street: str
    city: str
    postcode: str
    country: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{field: str(data[field]) for field in contract.SHIP_TO_MAX})

    def as_json(self) -> dict[str, str]:
        return {field: getattr(self, field) for field in contract.SHIP_TO_MAX}


@dataclass(frozen=True, slots=True)
class OrderLine:
    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    total: Decimal

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            sku=str(data["sku"]),
            name=str(data["name"]),
            quantity=int(data["quantity"]),
            unit_price=amount(data["unit_price"]),
            total=amount(data["total"]),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A status that an order reached, and when."""

    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    number: str
    status: str
    placed_at: datetime
    ship_to: Address
    lines: tuple[OrderLine, ...]
    total: Decimal
    history: tuple[Step, ...]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            number=str(data["number"]),
            status=str(data["status"]),
            placed_at=moment(data["placed_at"]),
            ship_to=Address.read(data["ship_to"]),
            lines=tuple(OrderLine.read(line) for line in data["lines"]),
            total=amount(data["total"]),
            history=tuple(Step(status=str(step["status"]), at=moment(step["at"])) for step in data["history"]),
        )

    @property
    def cancellable(self) -> bool:
        return (self.status, "cancelled") in contract.TRANSITIONS

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A line that asks for more than can be sold."""

    sku: str
    requested: int
    available: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        return cls(sku=str(data["sku"]), requested=int(data["requested"]), available=int(data["available"]))
