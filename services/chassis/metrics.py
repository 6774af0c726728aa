"""Metrics of HTTP servers by OpenTelemetry's semantic conventions, right under several worker processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER_METHOD: Final = "_OTHER"

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds, in seconds."""
REQUEST_DURATION: Final = Histogram(
    "http_server_request_duration_seconds",
    "Duration of HTTP server requests.",
    ["http_request_method", "http_route", "http_response_status_code", "error_type"],
    buckets=BUCKETS,
)
ACTIVE_REQUESTS: Final = Gauge(
    "http_server_active_requests",
    "HTTP server requests in flight.",
    ["http_request_method"],
    multiprocess_mode="livesum",
)


def known_method(method: str) -> str:
    """Return the method as a label: one of the nine, or `_OTHER`, so that clients cannot make series."""
    return method if method in METHODS else OTHER_METHOD


def observe(*, method: str, route: str, status: int, seconds: float, error: str = "") -> None:
    """Record one answered request. `route` is a template, never a path; `error` is empty unless it failed."""
    _series(method, route, status, error).observe(seconds)


def observe_many(
    *, method: str, route: str, status: int, error: str = "", buckets: Sequence[int], total: float
) -> None:
    """Record many that differ in their duration alone: how many in each of `BUCKETS` and above, and the sum."""
    series = _series(method, route, status, error)
    # The library has no word for it; these two are what its own `observe` adds to.
    for bucket, times in zip(series._buckets, buckets, strict=True):
        if times:
            bucket.inc(times)
    series._sum.inc(total)


def _series(method: str, route: str, status: int, error: str) -> Histogram:
    if not error and status >= 500:
        error = str(status)
    return REQUEST_DURATION.labels(known_method(method), route, str(status), error)


def exposition() -> tuple[bytes, str]:
    """Return the metrics of every worker of this component, and their content type."""
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
