"""The catalogue's state as its query string says it: read leniently, written canonically, asked of the API. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

from services.chassis import contract

PAGE_SIZE: Final = 24
"""Fills rows of two, three and four."""
PAGE_LARGEST: Final = 999_999_999

ORDERINGS: Final[Mapping[str, str]] = {
    "name": "Name, A to Z",
    "-name": "Name, Z to A",
    "price": "Price, low to high",
    "-price": "Price, high to low",
    "newest": "Newest first",
}

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}", re.ASCII)
_PRICE: Final = re.compile(r"£?\s*(\d{1,5}(?:\.\d{1,2})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class CatalogueQuery:
    """Which products, in which order, from where on."""

    search: str = ""
    category: str = ""
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    in_stock: bool = False
    ordering: str = "name"
    page: int = 1
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What could not be used, in the shopper's words."""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> CatalogueQuery:
        """Return the query in a request's parameters; what cannot be used is left out and noted."""
        notes: list[str] = []
        search = " ".join(parameters.get("search", "").replace("\x00", " ").split())
        if len(search) > contract.SEARCH_MAX:
            search = search[: contract.SEARCH_MAX].rstrip()
            notes.append(f"Only the first {contract.SEARCH_MAX} characters of the search were used.")
        category = parameters.get("category", "").strip()
        if category and not _SLUG.fullmatch(category):
            category = ""
            notes.append("There is no such category, so all of them are shown.")
        price_min = _price(parameters.get("price_min", ""), "lowest", notes)
        price_max = _price(parameters.get("price_max", ""), "highest", notes)
        if price_min is not None and price_max is not None and price_min > price_max:
            price_min, price_max = price_max, price_min
        ordering = parameters.get("ordering", "")
        return cls(
            search=search,
            category=category,
            price_min=price_min,
            price_max=price_max,
            in_stock=parameters.get("in_stock", "").lower() in {"true", "on", "1", "yes"},
            ordering=ordering if ordering in ORDERINGS else "name",
            page=page_number(parameters.get("page", "")),
            notes=tuple(notes),
        )

    def parameters(self) -> dict[str, str]:
        """Return what the query string has to say: nothing that goes without saying."""
        said = {
            "search": self.search,
            "category": self.category,
            "price_min": _plain(self.price_min),
            "price_max": _plain(self.price_max),
            "in_stock": "true" if self.in_stock else "",
            "ordering": "" if self.ordering == "name" else self.ordering,
            "page": "" if self.page == 1 else str(self.page),
        }
        return {name: value for name, value in said.items() if value}

    def href(self) -> str:
        """Return the catalogue's address in this state."""
        parameters = self.parameters()
        return f"/?{urlencode(parameters)}" if parameters else "/"

    def for_api(self) -> dict[str, str]:
        """Return the parameters for `GET /products`."""
        return {**self.parameters(), "page_size": str(PAGE_SIZE)}

    def at_page(self, page: int) -> CatalogueQuery:
        return replace(self, page=page)

    @property
    def filtered(self) -> bool:
        """Whether it leaves any product out."""
        return bool(replace(self, page=1, ordering="name").parameters())

    def chips(self, category_name: str) -> list[tuple[str, str]]:
        """Return each filter's words, and the address without it."""
        first = self.at_page(1)
        chips = []
        if self.search:
            chips.append((f"“{self.search}”", replace(first, search="").href()))
        if self.category:
            chips.append((category_name, replace(first, category="").href()))
        if self.price_min is not None or self.price_max is not None:
            words = _range_words(self.price_min, self.price_max)
            chips.append((words, replace(first, price_min=None, price_max=None).href()))
        if self.in_stock:
            chips.append(("In stock", replace(first, in_stock=False).href()))
        return chips


def page_number(text: str) -> int:
    """Return the page a parameter asks for: 1 for what is no number, at most `PAGE_LARGEST`."""
    text = text.strip()
    if not text.isascii() or not text.isdigit():
        return 1
    return max(1, int(text)) if len(text) <= len(str(PAGE_LARGEST)) else PAGE_LARGEST


def page_window(*, number: int, pages: int) -> list[int | None]:
    """Return the page numbers to offer: the ends, the neighbours, None for what is left out between."""
    near = {1, pages, *range(max(1, number - 1), min(pages, number + 1) + 1)}
    shown: list[int | None] = []
    for page in sorted(near):
        previous = shown[-1] if shown else None
        if previous is not None and page - previous == 2:
            shown.append(page - 1)
        elif previous is not None and page - previous > 2:
            shown.append(None)
        shown.append(page)
    return shown


def _price(text: str, which: str, notes: list[str]) -> Decimal | None:
    text = text.strip()
    if not text:
        return None
    match = _PRICE.fullmatch(text)
    if match is None:
        notes.append(f"The {which} price was left out: write it like 25 or 12.50.")
        return None
    return Decimal(match[1])


def _plain(price: Decimal | None) -> str:
    if price is None:
        return ""
    return f"{price:.0f}" if price == price.to_integral_value() else f"{price:.2f}"


def _range_words(low: Decimal | None, high: Decimal | None) -> str:
    if low is None:
        return f"Up to £{_plain(high)}"
    if high is None:
        return f"From £{_plain(low)}"
    return f"£{_plain(low)} to £{_plain(high)}"
