"""What an operator wants a product to be: the bodies of `POST /products` and `PATCH /products/{sku}`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from legacy_monolith import parsing
from legacy_monolith.parsing import Fields, Refused
from services.chassis import contract

CategoryExists = Callable[[str], bool]

_NAME: Final = parsing.text(most=contract.NAME_MAX)
_DESCRIPTION: Final = parsing.text(most=contract.DESCRIPTION_MAX, blank=True)
_STOCK: Final = parsing.integer(least=0, most=contract.STOCK_MAX)
_AMOUNT: Final = parsing.amount(least=contract.PRICE_MIN, most=contract.PRICE_MAX)
_CURRENCY: Final = parsing.one_of((contract.CURRENCY,))


@dataclass(frozen=True, slots=True)
class Draft:
    """A product to be made. The price is in pence, the category a slug."""

    sku: str
    name: str
    description: str
    category: str | None
    price: int
    stock: int


def read_draft(body: Mapping[str, Any], *, category_exists: CategoryExists) -> Draft:
    """Return the product that a body describes; the validation problem when it cannot be made."""
    fields = Fields(body)
    draft = Draft(
        sku=fields.read("sku", parsing.matching(contract.SKU)),
        name=fields.read("name", _NAME),
        description=fields.read("description", _DESCRIPTION, ""),
        category=fields.read("category", _category(category_exists), None),
        price=_price(fields),
        stock=fields.read("stock", _STOCK, 0),
    )
    fields.finish()
    return draft


def read_changes(body: Mapping[str, Any], *, category_exists: CategoryExists) -> dict[str, Any]:
    """Return the members of a `Draft` that a body changes; the validation problem when one cannot be."""
    fields = Fields(body)
    readers: dict[str, Callable[[], object]] = {
        "name": lambda: fields.read("name", _NAME),
        "description": lambda: fields.read("description", _DESCRIPTION),
        "category": lambda: fields.read("category", _category(category_exists)),
        "price": lambda: _price(fields),
        "stock": lambda: fields.read("stock", _STOCK),
    }
    changes = {name: read() for name, read in readers.items() if name in fields}
    fields.finish()
    return changes


def _price(fields: Fields) -> int:
    members = fields.inside("price")
    if members is None:
        return 0
    amount = members.attempt("amount", _AMOUNT)
    members.read("currency", _CURRENCY)
    return 0 if amount is None else contract.cents(amount)


def _category(exists: CategoryExists) -> parsing.Reader[str | None]:
    def reader(value: object) -> str:
        slug = parsing.string(value)
        if not exists(slug):
            raise Refused("unknown_category")
        return slug

    return parsing.nullable(reader)
