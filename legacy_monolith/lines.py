"""What somebody wants of which products: the `lines` of orders and of reservations. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from legacy_monolith import parsing
from legacy_monolith.parsing import Fields, Refused
from services.chassis import contract


@dataclass(frozen=True, slots=True)
class Line:
    """A quantity of one product."""

    sku: str
    quantity: int


def read_lines(fields: Fields) -> list[Line]:
    """Return the body's `lines` in the order they were sent; the fields note what cannot be used."""
    items = fields.attempt("lines", _items)
    if items is None:
        return []
    lines: list[Line] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        where = f"lines/{index}"
        if not isinstance(item, dict):
            fields.refuse(where, Refused("null" if item is None else "invalid"))
            continue
        members = Fields(item, at=f"/{where}", errors=fields.errors)
        sku = members.attempt("sku", parsing.matching(contract.SKU))
        if sku in seen:
            members.refuse("sku", Refused("duplicate"))
        quantity = members.attempt("quantity", parsing.integer(least=1, most=contract.QUANTITY_MAX))
        if sku is not None:
            seen.add(sku)
            lines.append(Line(sku=sku, quantity=quantity or 0))
    return lines


def _items(value: object) -> list[object]:
    if value is None:
        raise Refused("null")
    if not isinstance(value, list):
        raise Refused("invalid")
    if not value:
        raise Refused("empty")
    if len(value) > contract.LINES_MAX:
        raise Refused("too_many", contract.LINES_MAX)
    return cast("list[object]", value)
