"""The problem types and details that `docs/contract.md` promises, read from that page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

CONTRACT: Final = Path(__file__).parents[2] / "docs" / "contract.md"

_PROBLEM: Final = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \| ([^|]+?) \|", re.MULTILINE)
_FIELD: Final = re.compile(r'`([a-z_]+)` "([^"]+)"')


class Promised(NamedTuple):
    """What the page says of a problem type."""

    status: int
    title: str


@cache
def problems() -> dict[str, Promised]:
    """Return the table of problem types, by slug."""
    return {slug: Promised(int(status), title) for slug, status, title in _PROBLEM.findall(CONTRACT.read_text())}


@cache
def field_details() -> dict[str, str]:
    """Return the details of field errors, by code; `N` stands for the limit."""
    text = CONTRACT.read_text()
    start = text.index("Codes of field errors")
    return dict(_FIELD.findall(text[start : text.index("\n", start)]))


def detail(code: str, limit: object = None) -> str:
    """Return what a field error of this code says."""
    return field_details()[code].replace("N", str(limit)) if limit is not None else field_details()[code]
