"""The request's body on its way through: never more than the limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from gateway.proxy.leash import ClientGone
from services.chassis.problems import Problem

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

KEPT_MAX: Final = 1 << 20
"""Bytes of a body that are gathered before it is sent on: so that it can be sent again to an owner that has moved, and
so that a client who writes slowly occupies the gateway, which has room, and not a thread of the component."""


class RequestBody:
    """What the client sends, in chunks as they come."""

    def __init__(self, receive: Receive, *, length: int | None, limit: int) -> None:
        if length is not None and length > limit:
            raise Problem("too-large")
        self._receive = receive
        self._limit = limit
        self.length = length
        """Bytes, None when the client has not said."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body; ClientGone, or Problem `too-large` once it has become so."""
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._limit:
                raise Problem("too-large")
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return

    async def gathered(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self.chunks()])


def announced(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return the length of the body that these headers announce; None when it comes in chunks.

    The server has checked that they are not ambiguous.
    """
    for name, value in headers:
        if name == b"content-length":
            return int(value)
        if name == b"transfer-encoding":
            return None
    return 0
