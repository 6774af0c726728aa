"""Counts of one worker's requests, kept in plain numbers and handed to prometheus_client twice a second.

Under several processes each of its increments is a lock, a system call and a write to a shared file: five of them cost
a tenth of a request. What a worker that is killed has counted since the last time is lost.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from typing import Final

from prometheus_client import Counter as PrometheusCounter

from services.chassis import metrics

ROUTED: Final = PrometheusCounter(
    "techcommerce_routed_requests",
    "Requests of routed capabilities, by the side that they were sent to and why.",
    ["capability", "side", "reason"],
)
FLUSH_SECONDS: Final = 0.5
_BOUNDS: Final = metrics.BUCKETS


class _Durations:
    """Observations of one series since the last flush."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self.total = 0.0


class Tally:
    """For one event loop."""

    def __init__(self) -> None:
        self._durations: dict[tuple[str, str, int, str], _Durations] = {}
        self._routed: Counter[tuple[str, str, str]] = Counter()
        self._active: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def began(self, method: str) -> None:
        """Note a request that is now under way."""
        self._active[method] += 1

    def routed(self, capability: str, side: str, reason: str) -> None:
        """Note where a request goes."""
        self._routed[capability, side, reason] += 1

    def ended(self, method: str, *, route: str, status: int, error: str, seconds: float) -> None:
        """Note a request that has ended."""
        self._active[method] -= 1
        key = (method, route, status, error)
        durations = self._durations.get(key)
        if durations is None:
            durations = self._durations[key] = _Durations()
        durations.buckets[bisect_left(_BOUNDS, seconds)] += 1
        durations.total += seconds

    def start(self) -> None:
        """Begin to hand over, in the running event loop."""
        self.flush()
        self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.start)

    def close(self) -> None:
        """Hand over the last."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()

    def flush(self) -> None:
        """Hand over what has been counted."""
        durations, self._durations = self._durations, {}
        for (method, route, status, error), noted in durations.items():
            metrics.observe_many(
                method=method, route=route, status=status, error=error, buckets=noted.buckets, total=noted.total
            )
        routed, self._routed = self._routed, Counter()
        for key, times in routed.items():
            ROUTED.labels(*key).inc(times)
        active: Counter[str] = Counter()
        for method, number in self._active.items():
            active[metrics.known_method(method)] += number
        for method, number in active.items():
            metrics.ACTIVE_REQUESTS.labels(method).set(number)
        if len(self._active) > len(metrics.METHODS):
            self._active = Counter({method: number for method, number in self._active.items() if number})
