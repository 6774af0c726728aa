"""The envelope of lists. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from services.chassis.problems import Problem


def pages_of(*, count: int, page_size: int) -> int:
    """Return how many pages hold that many rows: at least one."""
    return max(1, -(-count // page_size))


def offset(*, count: int, page: int, page_size: int) -> int:
    """Return how many rows precede the page; `no-such-page` when it lies past the last."""
    if page > pages_of(count=count, page_size=page_size):
        raise Problem("no-such-page")
    return (page - 1) * page_size


def envelope(
    *, path: str, query: Mapping[str, str], count: int, page: int, page_size: int, results: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the list's answer. `query` holds the request's own parameters, which the links repeat."""
    pages = pages_of(count=count, page_size=page_size)

    def link(to: int) -> str | None:
        if not 1 <= to <= pages:
            return None
        return f"{path}?{urlencode(sorted({**query, 'page': str(to)}.items()))}"

    return {
        "count": count,
        "page": page,
        "page_size": page_size,
        "pages": pages,
        "next": link(page + 1),
        "previous": link(page - 1),
        "results": results,
    }
