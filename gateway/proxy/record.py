"""What is kept of each request: metrics and one access line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Counter

from gateway.proxy.decision import Decision
from gateway.routing.table import Capability
from services.chassis import log, metrics
from services.chassis.trace import Trace

_logger = log.get("gateway.proxy")

ROUTED: Final = Counter(
    "techcommerce_routed_requests",
    "Requests of routed capabilities, by the side that they were sent to and why.",
    ["capability", "side", "reason"],
)
CLIENT_GONE: Final = 499
"""The status recorded where the client did not wait for one."""


@dataclass(slots=True)
class Record:
    """What becomes of one request."""

    capability: Capability
    method: str
    route: str
    trace: Trace
    status: int = 0
    error: str = ""
    decision: Decision | None = None
    started: float = field(default_factory=time.perf_counter)

    def routed(self, decision: Decision) -> None:
        """Note where the request goes."""
        self.decision = decision
        ROUTED.labels(self.capability, decision.side, decision.reason).inc()


@contextmanager
def recorded(record: Record, *, access_log: bool) -> Iterator[Record]:
    """Count the request as active meanwhile, and keep what became of it."""
    active = metrics.ACTIVE_REQUESTS.labels(metrics.known_method(record.method))
    active.inc()
    try:
        yield record
    finally:
        active.dec()
        seconds = time.perf_counter() - record.started
        metrics.observe(
            method=record.method, route=record.route, status=record.status, seconds=seconds, error=record.error
        )
        if access_log:
            _write(record, seconds)


def _write(record: Record, seconds: float) -> None:
    decision = record.decision
    fields: dict[str, object] = {
        "method": metrics.known_method(record.method),
        "route": record.route,
        "status": record.status,
        "ms": round(seconds * 1000, 1),
        "trace_id": record.trace.trace_id,
        "request_id": record.trace.request_id,
    }
    if decision is not None:
        fields |= {"side": decision.side, "upstream": decision.upstream}
    if record.error:
        fields["error"] = record.error
    _logger.info("request", **fields)
