"""Lists in pages, as every list of the contract is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from legacy_monolith import parsing
from services.chassis import contract
from services.chassis.problems import Problem


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is asked for. Both from 1."""

    page: int
    size: int

    @classmethod
    def read(cls, fields: parsing.Fields) -> Paging:
        """Return what `page` and `page_size` ask for; the fields note what cannot be used."""
        page = fields.read("page", parsing.digits(least=1), 1)
        size = fields.read("page_size", parsing.digits(least=1, most=contract.PAGE_SIZE_MAX), contract.PAGE_SIZE)
        return cls(page=page, size=size)

    def pages(self, count: int) -> int:
        """Return how many pages so many things fill: at least one."""
        return max(1, -(-count // self.size))

    def bounds(self, count: int) -> tuple[int, int]:
        """Return the page's first index and the one behind its last; the problem when there is no such page."""
        if self.page > self.pages(count):
            raise Problem("no-such-page")
        return (self.page - 1) * self.size, self.page * self.size


def envelope(
    *, path: str, parameters: Mapping[str, str], paging: Paging, count: int, results: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a page of results with its surroundings, members in the contract's order."""

    def link(page: int) -> str | None:
        if not 1 <= page <= paging.pages(count):
            return None
        return f"{path}?{urlencode(sorted({**parameters, 'page': str(page)}.items()))}"

    return {
        "count": count,
        "page": paging.page,
        "page_size": paging.size,
        "pages": paging.pages(count),
        "next": link(paging.page + 1),
        "previous": link(paging.page - 1),
        "results": list(results),
    }
