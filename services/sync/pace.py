"""How fast a backfill may go, so that the source's own work comes first. Pure.

After a chunk there is a pause
- as long as it takes to stay below `rate`, where one is given;
- three times as long as the chunk took to read, while more than `BUSY` others are at work in the source's database;
- as long as it took to read, when a row of it took more than `SLOW` times as long as rows have taken so far.

The longest of these holds. It never stops altogether: a source that is busy for ever is copied all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BUSY: Final = 8
"""Sessions that run a statement at the same moment."""
SLOW: Final = 3.0
PAUSE_MAX: Final = 5.0
"""Seconds; what `rate` asks for may take longer."""


@dataclass(slots=True)
class Pace:
    """Remembers how long rows have taken."""

    rate: int | None = None
    """Rows per second."""
    rows: int = 0
    reading: float = 0.0
    """Seconds."""

    def pause(self, *, rows: int, seconds: float, active: int, elapsed: float) -> float:
        """Return for how long to pause after a chunk of so many rows, read in so many seconds, by now."""
        slow = self.rows > 0 and rows > 0 and seconds / rows > SLOW * self.reading / self.rows
        self.rows += rows
        self.reading += seconds
        yielding = 3 * seconds if active > BUSY else seconds if slow else 0.0
        ahead = self.rows / self.rate - elapsed if self.rate else 0.0
        return max(min(yielding, PAUSE_MAX), ahead, 0.0)
