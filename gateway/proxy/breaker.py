"""When to stop asking a component that fails, and when to ask again. Pure: the time is passed in."""

from __future__ import annotations

from typing import Final, Literal

VOLUME_MIN: Final = 20
"""Answers within the window below which nothing is concluded from them."""
FAILED_SHARE: Final = 0.5
WINDOW_SECONDS: Final = 10.0
OPEN_SECONDS: Final = 1.0
"""Before the first probe; doubled with each that fails."""
OPEN_SECONDS_MAX: Final = 10.0

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Open: nothing is asked. Half-open: one request at a time finds out whether the component is back.

    Failures are counted in a window that slides by halves, so that old ones are forgotten without a clock of its own.
    """

    __slots__ = (
        "_failed",
        "_failed_before",
        "_opened_at",
        "_pause",
        "_probe_at",
        "_since",
        "_total",
        "_total_before",
        "state",
    )

    def __init__(self) -> None:
        self.state: State = "closed"
        self._total = self._failed = self._total_before = self._failed_before = 0
        self._since = float("-inf")
        self._opened_at = 0.0
        self._probe_at: float | None = None
        self._pause = OPEN_SECONDS

    def allows(self, now: float) -> bool:
        """Tell whether to ask now. Whoever is allowed while it is half-open is the probe, and must report."""
        if self.state == "closed":
            return True
        if self.state == "open" and now - self._opened_at >= self._pause:
            self.state, self._probe_at = "half-open", None
        if self.state == "half-open" and (self._probe_at is None or now - self._probe_at >= OPEN_SECONDS_MAX):
            # A probe that was never reported, its client gone, must not keep the breaker half-open for ever.
            self._probe_at = now
            return True
        return False

    def retry_after(self, now: float) -> int:
        """Return in how many whole seconds, at least one, asking again may make sense."""
        return max(1, round(self._opened_at + self._pause - now)) if self.state == "open" else 1

    def succeeded(self, now: float) -> None:
        """Note an answer."""
        if self.state == "half-open":
            self.__init__()  # type: ignore[misc]
        self._slide(now)
        self._total += 1

    def failed(self, now: float) -> None:
        """Note that there was none, or one that says the component cannot serve."""
        if self.state == "half-open":
            self._pause = min(self._pause * 2, OPEN_SECONDS_MAX)
            self.state, self._opened_at = "open", now
            return
        self._slide(now)
        self._total += 1
        self._failed += 1
        total, failed = self._total + self._total_before, self._failed + self._failed_before
        if self.state == "closed" and total >= VOLUME_MIN and failed >= FAILED_SHARE * total:
            self.state, self._opened_at, self._pause = "open", now, OPEN_SECONDS

    def withdrawn(self) -> None:
        """Note that a request ended without saying anything about the component: its client has gone."""
        self._probe_at = None

    def _slide(self, now: float) -> None:
        age = now - self._since
        if age < WINDOW_SECONDS / 2:
            return
        if age < WINDOW_SECONDS:
            self._total_before, self._failed_before = self._total, self._failed
        else:
            self._total_before = self._failed_before = 0
        self._total = self._failed = 0
        self._since = now
