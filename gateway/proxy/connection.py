"""One HTTP/1.1 connection to a component: requests go out whole heads first, answers come in strictly read.

ConnectionEnded       it broke before the answer was whole; says whether any byte of one had come
Nonsense              what came is no answer, or an ambiguous one; the connection is closed
Silent                nothing came for too long
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from gateway.wire import chunked
from gateway.wire.syntax import HEAD_MAX, Malformed, ResponseHead, response_head

READ_AHEAD: Final = 256 * 1024
"""Bytes of a body to hold for a client that reads slowly, before the component has to wait."""
_INTERIM_MAX: Final = 16
_BODILESS: Final = frozenset({204, 304})


class ConnectionEnded(Exception):
    """It broke before the answer was whole."""


class Nonsense(Exception):
    """What came is no answer, or an ambiguous one."""


class Silent(Exception):
    """Nothing came for too long."""


class Connection(asyncio.Protocol):
    """Carries one exchange at a time: `begin`, `write`, `head`, `read` until it returns nothing."""

    __slots__ = (
        "_buffer",
        "_chunks",
        "_drained",
        "_error",
        "_held",
        "_interim",
        "_left",
        "_loop",
        "_method",
        "_paused",
        "_pieces",
        "_state",
        "_transport",
        "_waiter",
        "answer",
        "closed",
        "heard",
        "idle_since",
        "served",
        "waits_until",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: Any = None
        self.closed = False
        self.idle_since = 0.0
        self.waits_until = 0.0
        self.served = 0
        """Exchanges that have ended well here."""
        self.heard = False
        """Whether any byte of the present answer has come."""
        self.answer: ResponseHead | None = None
        # "idle", "head", then one of "sized", "chunked", "until-closed", then "whole".
        self._state = "idle"
        self._method = ""
        self._buffer = b""
        self._pieces: list[bytes] = []
        self._held = 0
        self._left = 0
        self._chunks: chunked.Chunks | None = None
        self._interim = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._paused = False

    # The exchange's side.

    def begin(self, method: str, data: bytes) -> None:
        """Send a request's head, and as much of its body as is there."""
        self._state, self._method = "head", method
        self.heard = False
        self.answer = None
        self._interim = 0
        self._transport.write(data)

    async def write(self, data: bytes) -> None:
        """Send more of the body, no faster than the component takes it."""
        if self.closed:
            raise ConnectionEnded
        self._transport.write(data)
        if self._drained is not None:
            await asyncio.shield(self._drained)

    async def head(self, seconds: float, body_seconds: float) -> ResponseHead:
        """Return the answer's head, once a small body is whole, or the first of a larger one is there.

        Up to then nothing has been passed on, and another side can still be asked instead. Interim answers (1xx) are
        passed over. `seconds` bound the wait for the head, `body_seconds` those for each piece of the body.
        """
        while self.answer is None:
            await self._more(seconds)
        if self._state != "whole":
            small = self._state == "sized" and self._left + self._held <= READ_AHEAD
            while self._state != "whole" and (small or not self._pieces):
                await self._more(body_seconds)
        if self._error is not None:
            raise self._error
        return self.answer

    async def read(self, seconds: float) -> bytes:
        """Return what has come of the body since; nothing once it is whole."""
        while not self._pieces:
            if self._state == "whole":
                return b""
            await self._more(seconds)
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        if self._paused and not self.closed:
            self._paused = False
            self._transport.resume_reading()
        return data

    @property
    def whole(self) -> bool:
        """Whether the answer has come to its end. What of its body has not been read is still there."""
        return self._state == "whole"

    def rest(self, now: float) -> bool:
        """End the exchange; True when the connection can carry another."""
        answer = self.answer
        reusable = (
            self._state == "whole" and not self.closed and not self._buffer and answer is not None and answer.keep_alive
        )
        if not reusable:
            self.close()
            return False
        self._state = "idle"
        self._pieces.clear()
        self._held = 0
        self.idle_since = now
        self.served += 1
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return True

    def now(self) -> float:
        """Return the time on the loop's clock."""
        return self._loop.time()

    def close(self) -> None:
        """Close, whatever is under way."""
        if not self.closed:
            self.closed = True
            self._transport.abort()

    async def _more(self, seconds: float) -> None:
        if self._error is not None:
            raise self._error
        if self.closed:
            raise ConnectionEnded
        self._waiter = waiter = self._loop.create_future()
        self.waits_until = self._loop.time() + seconds
        try:
            await waiter
        finally:
            self._waiter = None

    def look(self, now: float) -> None:
        """End a wait that has lasted too long. To be called again and again: cheaper than a timer for every wait."""
        waiter = self._waiter
        if waiter is not None and now >= self.waits_until and not waiter.done():
            waiter.set_exception(Silent())

    # The transport's side.

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._state == "idle" or self._state == "whole":
            # Nobody has asked for this. Kept, it could be taken for the answer to the next question.
            self._buffer = data
            self.close()
            return
        self.heard = True
        try:
            if self._state == "head":
                self._heads(self._buffer + data if self._buffer else data)
            else:
                self._body(data)
        except Malformed as error:
            self._fail(Nonsense(str(error)))
            return
        self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._state == "until-closed" and error is None:
            self._state = "whole"
        elif self._state not in {"idle", "whole"} and self._error is None:
            self._error = ConnectionEnded(type(error).__name__ if error else "closed")
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        if self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # Reading.

    def _heads(self, buffer: bytes) -> None:
        while True:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > HEAD_MAX:
                    raise Malformed("the head is too large")
                self._buffer = buffer
                return
            head = response_head(buffer[:end])
            buffer = buffer[end + 4 :]
            status = head.status
            if status >= 200:
                break
            self._interim += 1
            if status == 101 or self._interim > _INTERIM_MAX:
                raise Malformed("an interim answer that nobody has asked for")
        if status == 205 and (head.chunked or head.length):
            raise Malformed("content in an answer that cannot have any")
        self._buffer = b""
        self.answer = head
        if self._method == "HEAD" or status in _BODILESS or (status == 205 and head.length is None):
            self._whole(buffer)
        elif head.chunked:
            self._state, self._chunks = "chunked", chunked.Chunks()
            self._body(buffer)
        elif head.length is not None:
            self._state, self._left = "sized", head.length
            self._body(buffer)
        else:
            self._state = "until-closed"
            if buffer:
                self._body(buffer)

    def _body(self, data: bytes) -> None:
        if self._state == "sized":
            left = self._left
            if len(data) < left:
                self._left = left - len(data)
                self._keep(data)
            else:
                self._keep(data[:left] if len(data) > left else data)
                self._whole(data[left:])
        elif self._chunks is not None and self._state == "chunked":
            for piece in self._chunks.feed(data):
                self._keep(piece)
            if self._chunks.done:
                self._whole(self._chunks.rest())
        else:
            self._keep(data)

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._held += len(piece)
            if self._held > READ_AHEAD and not self._paused and not self.closed:
                self._paused = True
                self._transport.pause_reading()

    def _whole(self, rest: bytes) -> None:
        self._state = "whole"
        self._buffer = rest

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._wake()
        self.close()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
