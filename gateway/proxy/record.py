"""What is kept of each request: metrics and one access line."""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from gateway.proxy.breaker import State
from gateway.proxy.decision import UPSTREAMS, Decision, Upstream
from gateway.proxy.tally import Tally
from gateway.routing.table import Capability
from services.chassis import log, metrics
from services.chassis.trace import Trace

_logger = log.get("gateway.proxy")

FALLBACKS: Final = Counter(
    "techcommerce_fallbacks", "Reads that the other side answered because theirs could not.", ["capability", "upstream"]
)
MISDIRECTED: Final = Counter(
    "techcommerce_misdirected", "Answers of 421 that were followed, out of a client's sight.", ["capability"]
)
OWNER_WAIT: Final = Histogram(
    "techcommerce_owner_wait_seconds",
    "From a request's first 421 until it was answered or given up.",
    ["capability"],
    buckets=(0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0),
)
FAILURES: Final = Counter(
    "techcommerce_upstream_failures",
    "Requests that a component gave no whole answer to, by what went wrong. Clients who leave do not count.",
    ["upstream", "kind"],
)
BREAKER: Final = Gauge(
    "techcommerce_breaker_open",
    "Worker processes whose circuit breaker for the component is not closed.",
    ["upstream"],
    multiprocess_mode="livesum",
)
_BREAKERS: Final = {upstream: BREAKER.labels(upstream) for upstream in UPSTREAMS}
CLIENT_GONE: Final = 499
"""The status recorded where the client did not wait for one."""


class Record:
    """What becomes of one request."""

    __slots__ = (
        "asked",
        "capability",
        "decision",
        "error",
        "fell_back",
        "followed",
        "method",
        "route",
        "started",
        "status",
        "tally",
        "trace",
    )

    def __init__(self, *, capability: Capability, method: str, route: str, trace: Trace, tally: Tally) -> None:
        self.capability = capability
        self.method = method
        self.route = route
        self.trace = trace
        self.tally = tally
        self.status = 0
        self.error = ""
        self.decision: Decision | None = None
        self.asked: Upstream | None = None
        """Who is expected to answer at the moment."""
        self.fell_back = False
        self.followed = False
        self.started = time.perf_counter()
        tally.began(method)

    def routed(self, decision: Decision) -> None:
        """Note where the request goes."""
        self.decision = decision
        self.tally.routed(self.capability, decision.side, decision.reason)

    def finish(self, *, access_log: bool) -> None:
        """Keep what became of it."""
        seconds = time.perf_counter() - self.started
        self.tally.ended(self.method, route=self.route, status=self.status, error=self.error, seconds=seconds)
        if access_log:
            self._write(seconds)

    def _write(self, seconds: float) -> None:
        fields: dict[str, object] = {
            "method": metrics.known_method(self.method),
            "route": self.route,
            "status": self.status,
            "ms": round(seconds * 1000, 1),
            "trace_id": self.trace.trace_id,
            "request_id": self.trace.request_id,
        }
        decision = self.decision
        if decision is not None:
            fields |= {"side": decision.side, "upstream": decision.upstream}
        if self.fell_back:
            fields["fell_back"] = True
        if self.followed:
            fields["followed"] = True
        if self.error:
            fields["error"] = self.error
        _logger.info("request", **fields)


def breaker(upstream: Upstream, state: State) -> None:
    """Note the state of this worker's breaker for a component."""
    _BREAKERS[upstream].set(0 if state == "closed" else 1)
    _logger.info("breaker", upstream=upstream, state=state)
