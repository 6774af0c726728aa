"""How the loops of a mover do, as each says itself, and whether that is well. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from services.sync.mapping.capabilities import Side

State = Literal["starting", "off", "leads", "follows", "failing"]
"""Of a relay. `off`: nothing is recorded at its side, and nothing left to carry. `follows`: another mover leads."""

STALE_SECONDS: Final = 10.0
"""After so long without a word a loop is taken to be stuck."""
BUSY_SECONDS: Final = 0.02
"""Between two steps of a relay that has something to do."""
IDLE_SECONDS: Final = 0.1
"""The longest between two steps of one that has not."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Beat:
    """What a loop has said last."""

    state: State
    at: float
    """By `time.monotonic`."""
    detail: str = ""
    """What it fails by, or whom it follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One side of a capability, as its database says it is."""

    capturing: bool
    own: int
    """Buckets."""
    waiting: int
    """Changes in the outbox that the other side has not applied."""
    set_aside: int
    """Changes that could not be applied there."""
    lag: float
    """For how many seconds the oldest waits that nothing holds up but the relay."""

    @property
    def called_for(self) -> bool:
        """Whether there is anything to relay, or may be at any moment."""
        return self.capturing or self.waiting > 0 or self.set_aside > 0


@dataclass(slots=True)
class Pulse:
    """One relay's. Its loop writes; everybody else reads, at any time."""

    capability: str
    side: Side
    """Whose changes it carries to the other."""
    beat: Beat
    measured: Measured | None = None
    """None while its database cannot be asked."""

    @property
    def name(self) -> str:
        """The relay's, and its lock's."""
        return f"relay.{self.capability}.{self.side}"


def verdict(beat: Beat, *, now: float) -> str:
    """Return `ok`, or what keeps a relay from carrying changes."""
    if beat.state == "failing":
        return beat.detail
    if beat.state == "starting":
        return "has not begun"
    silent = now - beat.at
    return "ok" if silent <= STALE_SECONDS else f"silent for {silent:.0f} s"


def checks(pulses: Iterable[Pulse], *, now: float) -> dict[str, str]:
    """Return the verdict on every relay, by its name."""
    return {pulse.name: verdict(pulse.beat, now=now) for pulse in pulses}


@dataclass(slots=True)
class Backoff:
    """Pauses between attempts that fail: each up to twice as long as the one before, and none quite as expected, so
    that those who failed together do not come back together."""

    chance: random.Random = field(default_factory=random.Random)
    _next: float = field(init=False, default=_FIRST_PAUSE)

    def pause(self) -> float:
        """Return for how many seconds to wait."""
        longest, self._next = self._next, min(2 * self._next, _LONGEST_PAUSE)
        return longest * self.chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin anew: an attempt has succeeded."""
        self._next = _FIRST_PAUSE


def idle_pause(read: int, *, limit: int, before: float) -> float:
    """Return for how many seconds a relay waits after a step that read so many changes, and the pause before.

    None after a full batch, for there is more; a short one after some, which waits for company; else ever longer.
    """
    if read >= limit:
        return 0.0
    if read:
        return BUSY_SECONDS
    return min(max(2 * before, BUSY_SECONDS), IDLE_SECONDS)
