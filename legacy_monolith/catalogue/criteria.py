"""What a request for products asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from legacy_monolith import parsing
from legacy_monolith.paging import Paging
from legacy_monolith.parsing import Refused
from services.chassis import contract


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which products, in what order. None asks for nothing in particular; prices are in pence, inclusive."""

    paging: Paging
    ordering: str = "name"
    terms: tuple[str, ...] = ()
    category: str | None = None
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool | None = None
    skus: tuple[str, ...] | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Criteria:
        """Return the criteria; the validation problem when a parameter cannot be used."""
        fields = parsing.Fields.of_query(parameters)
        price = parsing.amount(least=Decimal(0), most=contract.PRICE_MAX)
        search = fields.read("search", parsing.text(most=contract.SEARCH_MAX, blank=True), "")
        category = fields.attempt("category", parsing.string, None)
        price_min = fields.attempt("price_min", price, None)
        price_max = fields.attempt("price_max", price, None)
        in_stock = fields.attempt("in_stock", parsing.one_of(("true", "false")), None)
        skus = fields.attempt("sku", _skus, None)
        ordering = fields.read("ordering", parsing.one_of(contract.ORDERINGS), "name")
        paging = Paging.read(fields)
        fields.finish()
        return cls(
            paging=paging,
            ordering=ordering,
            terms=tuple(search.split()),
            category=category,
            price_min=None if price_min is None else contract.cents(price_min),
            price_max=None if price_max is None else contract.cents(price_max),
            in_stock=None if in_stock is None else in_stock == "true",
            skus=skus,
        )


def _skus(value: object) -> tuple[str, ...]:
    items = parsing.string(value).split(",")
    if len(items) > contract.SKUS_MAX:
        raise Refused("too_many", contract.SKUS_MAX)
    # What is not a sku at all is the sku of no product.
    return tuple(item for item in items if contract.SKU.fullmatch(item))
