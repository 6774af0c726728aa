"""The request's body on its way through: never more than the contract's limit, and a watch on the client behind it.

ClientGone            the client has hung up; there is nobody to answer
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from gateway.proxy import headers as fields
from services.chassis import contract
from services.chassis.problems import Problem

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

# More digits than any body allowed here could have; `int` need not look at the rest.
_DIGITS_MAX: Final = 12


class ClientGone(Exception):
    """The client has hung up."""


class RequestBody:
    """What the client sends, in chunks as they come."""

    def __init__(self, receive: Receive, *, length: int | None) -> None:
        self._receive = receive
        self.length = length
        """Bytes, None when the client has not said."""

    @classmethod
    def of(cls, headers: Sequence[fields.Header], receive: Receive) -> RequestBody:
        """Return the body that the headers announce; Problem `too-large` when it is."""
        if fields.values(headers, b"transfer-encoding"):
            return cls(receive, length=None)
        announced = fields.single(headers, b"content-length")
        if announced is None:
            return cls(receive, length=0)
        if not announced.isascii() or not announced.isdigit():
            raise Problem("malformed", detail="Content-Length must be a number of bytes.")
        if len(announced) > _DIGITS_MAX or int(announced) > contract.BODY_MAX:
            raise Problem("too-large")
        return cls(receive, length=int(announced))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body; ClientGone, or Problem `too-large` once it has become so."""
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > contract.BODY_MAX:
                raise Problem("too-large")
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return

    async def gathered(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self.chunks()])


class Watch:
    """While in its `with` block, a client who hangs up cancels the task, which then leaves with ClientGone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._gone = False

    def begin(self) -> None:
        """Begin watching: not before the body has been read, which is received the same way."""
        if self._watcher is None and self._task is not None:
            self._watcher = asyncio.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> Watch:
        self._task = asyncio.current_task()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        task, self._task = self._task, None
        if self._watcher is not None:
            self._watcher.cancel()
        ours = self._gone and kind is not None and issubclass(kind, asyncio.CancelledError)
        # Unless somebody else cancels at the same time: then theirs stands.
        if ours and task is not None and task.uncancel() == 0:
            raise ClientGone from error
