"""The answer to the client, once begun never begun again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.proxy.headers import Headers
from gateway.proxy.record import Record
from services.chassis.problems import CONTENT_TYPE, Problem

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Reply:
    """Sends one answer, and notes its status."""

    __slots__ = ("_record", "_send", "begun")

    def __init__(self, send: Send, record: Record) -> None:
        self._send = send
        self._record = record
        self.begun = False

    async def begin(self, status: int, headers: Headers) -> None:
        """Send status and headers."""
        self.begun = True
        self._record.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send all of it."""
        self.begun = True
        self._record.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def chunk(self, data: bytes) -> None:
        """Send a piece of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Say that this was all."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def problem(self, problem: Problem) -> None:
        """Answer with a problem. An answer that has begun stays unfinished instead, for which the server hangs up."""
        self._record.error = self._record.error or problem.kind.slug
        if self.begun:
            return
        headers = [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"cache-control", b"no-store"),
            (b"x-request-id", self._record.trace.request_id.encode()),
            *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
        ]
        await self.whole(problem.status, headers, problem.body())
