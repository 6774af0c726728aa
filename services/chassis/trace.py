"""Ids that tie one shopper's request together across components: `traceparent` (W3C) and `X-Request-Id`. Pure."""

from __future__ import annotations

import os
import random
import re
from contextvars import ContextVar
from typing import Final, NamedTuple

_TRACEPARENT: Final = re.compile(
    r"(?!ff)(?:00(?!.{53}-)|(?!00)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Trace(NamedTuple):
    """Where a request stands: the trace it belongs to, this hop's own span, and the id that people quote."""

    trace_id: str
    span_id: str
    flags: str
    request_id: str

    @property
    def traceparent(self) -> str:
        """The header for calls made on behalf of this request."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


# Ids must differ, not be secret: the system's own randomness would cost more than the rest of this module.
_random = random.Random()  # noqa: S311
os.register_at_fork(after_in_child=_random.seed)

CURRENT: Final[ContextVar[Trace | None]] = ContextVar("techcommerce_trace", default=None)


def continued(*, traceparent: str | None, request_id: str | None) -> Trace:
    """Return the trace that these headers continue, or a new one where they are absent or odd."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    fresh = _random.randbytes(24).hex()
    trace_id, flags = (match[1], match[3]) if match else (fresh[:32], "00")
    if not request_id or not _REQUEST_ID.fullmatch(request_id):
        request_id = trace_id
    return Trace(trace_id=trace_id, span_id=fresh[32:], flags=flags, request_id=request_id)
