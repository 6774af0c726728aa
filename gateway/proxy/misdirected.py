"""Whom to ask next: after a 421, which is followed to the owner within bounds, and after no answer at all. Pure.

A side that does not own a row answers 421 with the epoch that it has seen. Ownership only ever moves to a higher epoch,
so an answer with a higher one than any before is news, worth following at once; any other means that the move is under
way and nobody owns the row yet, which takes milliseconds: wait, and ask again. Epoch 0 says that this side has never
heard of what was asked for: the other side may have, and is told that it is the last to be asked.

A read may come with a position: a side that has not come that far answers 421 as well. An answer that may be a moment
old is better than none, though: where the other side gives no answer, or both keep sending it away, the read is sent
once more without its position.
"""

from __future__ import annotations

from typing import Final

from gateway.proxy.decision import Decision, Upstream

EPOCH: Final = b"techcommerce-epoch"
"""The field of a 421 that says the epoch its sender has seen."""
ASKED: Final = b"techcommerce-asked"
"""The field of a request that says that the other side has been asked, and knows nothing of it."""
HOPS_MAX: Final = 4
"""Hops in a row without a wait."""
WAIT_FIRST, WAIT_MOST = 0.005, 0.1
"""Seconds."""
WAIT_SHARE: Final = 1 / 8
"""Of the time gone by: so a short move costs little more than it takes, and a long one few requests."""
BUDGET_SECONDS: Final = 2.0


class Pursuit:
    """One request's way to the owner, from its first 421 on."""

    __slots__ = ("_highest", "_hops", "_referred", "since")

    def __init__(self, *, now: float) -> None:
        self.since = now
        self._highest = 0
        self._hops = 0
        self._referred = False

    def next(self, epoch: int | None, *, now: float) -> float | None:
        """Return the seconds to wait before asking the other side; None when it is time to give up.

        `epoch` is what the 421 said, None when it said nothing of use.
        """
        if epoch is not None and self._hops < HOPS_MAX:
            if epoch > self._highest:
                self._highest = epoch
                self._hops += 1
                return 0.0
            if epoch == 0 and not self._referred:
                self._referred = True
                self._hops += 1
                return 0.0
        gone_by = now - self.since
        if gone_by >= BUDGET_SECONDS:
            return None
        self._hops, self._referred = 0, False
        return min(max(gone_by * WAIT_SHARE, WAIT_FIRST), WAIT_MOST, BUDGET_SECONDS - gone_by)


class Attempts:
    """Whom to ask, and how, until somebody answers."""

    __slots__ = ("_decided", "_failed", "alternative", "pursuit", "referred", "target", "with_position")

    def __init__(self, decided: Decision, *, with_position: bool) -> None:
        self._decided = decided
        self._failed = False
        self.target: Upstream = decided.upstream
        self.alternative: Upstream | None = decided.fallback
        """Who is asked when the target gives no answer. Nobody for a write: it goes to its owner or nowhere."""
        self.with_position = with_position
        """Whether the request is to carry its position."""
        self.referred = False
        """Whether the other side has just said that it knows nothing of this."""
        self.pursuit: Pursuit | None = None

    def unanswered(self) -> bool:
        """Note that the target gave no answer, and tell whether there is somebody else to ask."""
        if self.alternative is None:
            return False
        if self.pursuit is not None:
            # It has sent this away already, for its position.
            self.with_position = False
        self.target, self.alternative = self.alternative, None
        self.referred = False
        self._failed = True
        return True

    def misdirected(self, epoch: int | None, *, now: float) -> float | None:
        """Note that the target answered 421, and return the seconds to wait; None when it is time to give up."""
        if self.pursuit is None:
            self.pursuit = Pursuit(now=now)
        if self._failed:
            return self._regardless(self.target)
        wait = self.pursuit.next(epoch, now=now)
        if wait is None:
            return self._regardless(self._decided.upstream)
        here, decided = self.target, self._decided
        self.target = decided.other if here == decided.upstream else decided.upstream
        self.alternative = here if self.with_position else None
        self.referred = epoch == 0
        return wait

    def _regardless(self, target: Upstream) -> float | None:
        """Have a read asked once more without its position."""
        if not self.with_position:
            return None
        self.with_position = self.referred = False
        self.target, self.alternative = target, None
        return 0.0


def epoch_of(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return the epoch in a 421's fields; None when there is none, or it is odd."""
    said = [value for name, value in headers if name == EPOCH]
    return int(said[0]) if len(said) == 1 and said[0].isdigit() and len(said[0]) <= 18 else None
