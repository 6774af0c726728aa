"""Where to go after a 421: an owner that has moved is followed, within bounds. Pure.

A side that does not own a row answers 421 with the epoch that it has seen. Ownership only ever moves to a higher epoch,
so an answer with a higher one than any before is news, worth following at once; any other means that the move is under
way and nobody owns the row yet, which takes milliseconds: wait, and ask again.
"""

from __future__ import annotations

from typing import Final

EPOCH: Final = b"techcommerce-epoch"
"""The field of a 421 that says the epoch its sender has seen."""
HOPS_MAX: Final = 4
"""Hops in a row without a wait."""
WAIT_FIRST, WAIT_MOST = 0.005, 0.1
"""Seconds."""
BUDGET_SECONDS: Final = 2.0


class Pursuit:
    """One request's way to the owner."""

    __slots__ = ("_highest", "_hops", "_wait", "_waited")

    def __init__(self) -> None:
        self._highest = -1
        self._hops = 0
        self._wait = WAIT_FIRST
        self._waited = 0.0

    def next(self, epoch: int | None) -> float | None:
        """Return the seconds to wait before asking the other side; None when it is time to give up.

        `epoch` is what the 421 said, None when it said nothing of use.
        """
        if epoch is not None and epoch > self._highest and self._hops < HOPS_MAX:
            self._highest = epoch
            self._hops += 1
            return 0.0
        if self._waited >= BUDGET_SECONDS:
            return None
        self._hops = 0
        wait = min(self._wait, BUDGET_SECONDS - self._waited)
        self._waited += wait
        self._wait = min(self._wait * 2, WAIT_MOST)
        return wait


def epoch_of(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return the epoch in a 421's fields; None when there is none, or it is odd."""
    said = [value for name, value in headers if name == EPOCH]
    return int(said[0]) if len(said) == 1 and said[0].isdigit() and len(said[0]) <= 18 else None
