"""Sets of buckets: how people write them, and in which order they move. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Final

from services.sync.mapping.capabilities import Side

WHOLE: Final = 1024
"""What routing toggles count in, whatever a capability has."""


def parse(text: str, *, count: int) -> list[int]:
    """Return the buckets that a text such as `0-127,200` names, ascending; ValueError unless all of them exist."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"{part.strip()!r} names no buckets: write them like 0-127,200")
        low, high = int(first), int(last or first)
        if low > high or high >= count:
            raise ValueError(f"{part.strip()!r} names no buckets: there are 0 to {count - 1}")
        found.update(range(low, high + 1))
    return sorted(found)


def spell(buckets: Iterable[int]) -> str:
    """Return the text by which `parse` finds these buckets; `none` for no bucket."""
    ordered = sorted(set(buckets))
    if not ordered:
        return "none"
    gaps = [index + 1 for index, (one, next_one) in enumerate(pairwise(ordered)) if next_one != one + 1]
    runs = [ordered[begin:end] for begin, end in zip([0, *gaps], [*gaps, len(ordered)], strict=True)]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def of_percent(percent: Decimal, *, count: int) -> int:
    """Return the number of buckets nearest to a percentage; ValueError unless it is 0..100.

    Something is never rounded to nothing, nor less than all to all; where there is but one, it has to be either.
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} is no percentage")
    if percent in {0, 100}:
        return int(percent) * count // 100
    if count == 1:
        raise ValueError(f"{percent} % of what is owned as a whole: it is 0 or 100")
    nearest = int((percent * count / 100).to_integral_value(ROUND_HALF_UP))
    return min(max(nearest, 1), count - 1)


def prefix(owned: Collection[int]) -> int:
    """Return how many buckets, from the first on, are among these without a gap."""
    known = set(owned)
    length = 0
    while length in known:
        length += 1
    return length


def toggled(owned: Collection[int], *, count: int) -> int:
    """Return what a routing toggle says, in 1,024 buckets, where a service owns these."""
    return prefix(owned) * WHOLE // count


def in_batches(buckets: Iterable[int], *, to: Side, size: int) -> list[Sequence[int]]:
    """Return the buckets in the order in which they move, in batches: those that went first come back last.

    So that at any time the service owns the first few, which is what a routing toggle can say.
    """
    ordered = sorted(set(buckets), reverse=to == "monolith")
    # Locks are taken in ascending order, by everybody.
    return [sorted(ordered[begin : begin + size]) for begin in range(0, len(ordered), size)]
