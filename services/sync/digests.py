"""Finds out where two sides differ from what each says of its parts, and then of its rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Digest:
    """What a side says of a part."""

    rows: int
    xor: int
    total: Decimal
    """Of all hashes, without a limit."""


NOTHING: Final = Digest(0, 0, Decimal(0))
"""Of a part in which a side has no rows: it says nothing of it."""


def rows(digests: Mapping[int, Digest]) -> int:
    """Return how many rows there are."""
    return sum(digest.rows for digest in digests.values())


def apart(here: Mapping[int, Digest], there: Mapping[int, Digest]) -> list[int]:
    """Return the parts in which the sides differ, ascending."""
    return sorted(part for part in here.keys() | there.keys() if here.get(part, NOTHING) != there.get(part, NOTHING))


def batches(
    parts: Iterable[int], here: Mapping[int, Digest], there: Mapping[int, Digest], *, most: int
) -> Iterator[Sequence[int]]:
    """Iterate over the parts in batches with no more rows at either side, if it has several parts."""
    batch: list[int] = []
    held = 0
    for part in parts:
        size = max(here.get(part, NOTHING).rows, there.get(part, NOTHING).rows)
        if batch and held + size > most:
            yield batch
            batch, held = [], 0
        batch.append(part)
        held += size
    if batch:
        yield batch


def keys_apart(here: Mapping[str, int], there: Mapping[str, int]) -> list[str]:
    """Return the keys of rows, by key and hash, that are not at both sides or not the same, in order."""
    return sorted({key for key, _ in here.items() ^ there.items()})
