"""Tells whether a row that was seen to differ does, or was only on its way. Pure: no I/O, no clock.

A suspect is looked at again and again. Each look reads its row at both sides, at about the same moment, and what their
outboxes hold of it; it begins when the one before has ended.

    same        the rows are equal
    differs     three looks in a row saw the same two rows, and nothing of them in an outbox: what was committed before
                the second look has been applied by the third
    set aside   three looks in a row saw the same two rows, and a change that waits for people
    changing    the changes of the first look have been relayed, and newer ones are under way. Each of them holds the
                whole row: the one that comes last makes the two equal
    waiting     changes of the first look were still not relayed when time was up
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from services.sync.mapping.capabilities import Side

Verdict = Literal["same", "differs", "set aside", "changing", "waiting"]

ENOUGH: Final = 3
"""Looks."""
_CHANGING_LOOKS: Final = 5
"""So many chances has a row that changes all the time to be seen equal."""

_Standing = Literal["quiet", "under way", "held up"]


@dataclass(frozen=True, slots=True)
class Pending:
    """What a side's outbox holds of a row."""

    first: int
    last: int
    held_up: bool
    """Whether a change of the same root was set aside."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a row."""

    monolith: int | None
    """Its hash; None where it is not there."""
    service: int | None
    pending: Mapping[Side, Pending]


@dataclass(slots=True)
class Suspect:
    """A row, and what is remembered of it."""

    _looks: int = 0
    _steady: int = 0
    _last: tuple[int | None, int | None, _Standing] | None = None
    _marks: dict[Side, int] = field(default_factory=dict)
    """The last change in each outbox when it first held any."""
    _relayed: bool = False

    @property
    def settling(self) -> bool:
        """Whether it was last seen with nothing under way, so that more looks will tell."""
        return self._last is not None and self._last[2] != "under way"

    def look(self, seen: Look) -> Verdict | None:
        """Return what is certain after this look; None: look again."""
        if seen.monolith == seen.service:
            return "same"
        self._looks += 1
        for side, pending in seen.pending.items():
            self._marks.setdefault(side, pending.last)
        self._relayed = all(pending.first > self._marks[side] for side, pending in seen.pending.items())
        saw = (seen.monolith, seen.service, _standing(seen))
        self._steady = self._steady + 1 if saw == self._last else 1
        self._last = saw
        standing = saw[2]
        if standing == "under way":
            return "changing" if self._relayed and self._looks >= _CHANGING_LOOKS else None
        if self._steady < ENOUGH:
            return None
        return "differs" if standing == "quiet" else "set aside"

    def give_up(self) -> Verdict:
        """Return what can be said when there is no more time."""
        standing = self._last[2] if self._last else "quiet"
        if standing == "held up":
            return "set aside"
        return "changing" if standing == "quiet" or self._relayed else "waiting"


def _standing(seen: Look) -> _Standing:
    if not seen.pending:
        return "quiet"
    return "held up" if any(pending.held_up for pending in seen.pending.values()) else "under way"
