"""How long whoever asked is going to wait: one deadline from the gateway on, through every component. Pure.

Working on after it helps nobody; and a call to another component must not outlast the request that it is made for.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Final

HEADER: Final = "X-Request-Timeout-Ms"
"""Milliseconds that are left when the request is sent."""

ENDS_AT: Final[ContextVar[float | None]] = ContextVar("techcommerce_deadline", default=None)
"""On `time.monotonic`; None where nobody has said."""


def told(value: str | None, *, now: float | None = None) -> float | None:
    """Return when the request ends that came with this header; None without one, or with an odd one."""
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 9:
        return None
    return (time.monotonic() if now is None else now) + int(value) / 1000


def left(most: float) -> float:
    """Return the seconds that are left for the present request, `most` at most; 0 when its time is over."""
    ends_at = ENDS_AT.get()
    return most if ends_at is None else min(max(ends_at - time.monotonic(), 0.0), most)
