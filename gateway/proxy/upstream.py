"""A component behind the gateway: its connections, its limits, and what is known of its health.

UpstreamError         the component gave no whole answer
  Unreachable         no connection, or one that broke before an answer came
  TimedOut            connected, and then nothing for too long
  Saturated           as many requests as may be are under way to this component
  Resting             its circuit breaker is open
  Babble              what it said is no answer
  CutShort            the answer broke off after it had begun
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from gateway.proxy.breaker import Breaker, State
from gateway.proxy.budget import RetryBudget
from gateway.proxy.connection import Connection, ConnectionEnded, Nonsense, Silent
from gateway.proxy.headers import Headers
from gateway.wire.syntax import ResponseHead

_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Not all that is idempotent: a DELETE that is sent twice leaves the same behind, and yet answers 404."""
SICK: Final = frozenset({502, 503, 504})
"""Answers by which a component says that it cannot serve at the moment."""
_NEVER: Final = float("inf")
LOOK_SECONDS: Final = 0.05
"""How exactly time limits are kept."""
_IDLE_SECONDS: Final = 30.0
"""Shorter than components keep an idle connection, so that it is hardly ever they who close."""


class UpstreamError(Exception):
    """The component gave no whole answer."""


class Unreachable(UpstreamError):
    """No connection, or one that broke before an answer came."""


class TimedOut(UpstreamError):
    """Connected, and then nothing for too long."""


class Saturated(UpstreamError):
    """As many requests as may be are under way to this component."""


class Resting(UpstreamError):
    """Its circuit breaker is open."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"for {retry_after} s")
        self.retry_after = retry_after


class Babble(UpstreamError):
    """What it said is no answer."""


class CutShort(UpstreamError):
    """The answer broke off after it had begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to wait, in seconds, and for how many."""

    connect: float
    read: float
    """Between two pieces of an answer, the first one included."""
    concurrency: int = 256
    """Requests under way at once. One more is refused: a queue would only grow."""


Body = bytes | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body is still on its way."""

    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]


class Answering:
    """An answer with its connection. Must be closed, by whoever got it, in any case."""

    __slots__ = ("_connection", "_read_seconds", "_sending", "_upstream", "headers", "status")

    def __init__(
        self,
        upstream: PooledUpstream,
        connection: Connection,
        head: ResponseHead,
        *,
        read_seconds: float,
        sending: asyncio.Task[None] | None,
    ) -> None:
        self.status = head.status
        self.headers: Headers = head.headers
        self._upstream = upstream
        self._connection = connection
        self._read_seconds = read_seconds
        self._sending = sending

    @property
    def whole(self) -> bool:
        """Whether the component has sent all of it: what is left can be read without waiting."""
        return self._connection.whole

    async def read(self) -> bytes:
        """Return the next of the body, nothing at its end; CutShort when it breaks off, TimedOut when it stalls."""
        try:
            return await self._connection.read(self._read_seconds)
        except Silent:
            self._upstream.failed()
            raise TimedOut from None
        except (ConnectionEnded, Nonsense) as error:
            self._upstream.failed()
            raise CutShort(str(error)) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body, piece by piece."""
        while data := await self.read():
            yield data

    def close(self) -> None:
        """Give the connection back, or close it where the exchange has not come to its end."""
        self._upstream.release(self._connection, self._sending)


class Upstream(Protocol):
    """A component, as those see it who ask now and then."""

    @property
    def host(self) -> bytes:
        """What to call it in the Host header."""

    def exchange(
        self, *, method: str, target: bytes, headers: Headers, body: Body | None
    ) -> AbstractAsyncContextManager[Answer]:
        """Send a request, its target as it is, and give the answer; an UpstreamError when there is none."""

    async def close(self) -> None:
        """Close every connection."""


class PooledUpstream:
    """A component reached over kept-alive HTTP/1.1 connections. For one event loop."""

    def __init__(
        self,
        *,
        url: str,
        limits: Limits,
        on_breaker: Callable[[State], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc.encode("ascii")
        self.breaker = Breaker()
        self._told: State = self.breaker.state
        self._on_breaker = on_breaker
        self._budget = RetryBudget()
        self._name = parts.hostname or ""
        self._port = parts.port or 80
        self._limits = limits
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._under_way = 0
        self._looking = False
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(
        self, *, method: str, target: bytes, headers: Headers, body: Body | None, patience: float | None = None
    ) -> Answering:
        """Send a request, its target as it is, and return the answer; an UpstreamError when there is none.

        It is sent again, on another connection, only when no byte of an answer came, and it was never sent or sending
        it twice does no harm. `patience` bounds the wait for the answer's head, in seconds.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        clock = self._clock or loop.time
        breaker = self.breaker
        if not breaker.allows(clock()):
            raise Resting(breaker.retry_after(clock()))
        if self._under_way >= self._limits.concurrency:
            raise Saturated
        self._under_way += 1
        self._budget.request()
        head = _serialised(method, target, headers)
        again = body is None and method in _REPEATABLE
        limits = self._limits
        answer: Answering | None = None
        try:
            while answer is None:
                connection = self._kept(loop.time())
                if connection is None:
                    connection = await self._connected(loop)
                self._take(connection, loop)
                sending: asyncio.Task[None] | None = None
                try:
                    if body is None or isinstance(body, bytes):
                        connection.begin(method, head + body if body else head)
                    else:
                        connection.begin(method, head)
                        sending = loop.create_task(_send(connection, body))
                        await _begun(loop, connection, sending, patience or limits.read)
                    response = await connection.head(patience or limits.read, limits.read)
                    answer = Answering(self, connection, response, read_seconds=limits.read, sending=sending)
                except ConnectionEnded as error:
                    # Kept alive, and closed by the component as we wrote: nothing is known to be wrong with it. A
                    # connection of its own that breaks is another matter.
                    if not (again and connection.served and not connection.heard and self._budget.retry()):
                        raise Unreachable(str(error)) from error
                finally:
                    if answer is None:
                        self._drop(connection, sending)
        except UpstreamError:
            self.failed()
            raise
        except Silent:
            self.failed()
            raise TimedOut from None
        except Nonsense as error:
            self.failed()
            raise Babble(str(error)) from error
        except BaseException:
            breaker.withdrawn()
            raise
        finally:
            if answer is None:
                self._under_way -= 1
        if answer.status not in SICK:
            breaker.succeeded(clock())
        elif method in _REPEATABLE:
            breaker.failed(clock())
        else:
            # A write may need other components as well, and the trouble be theirs: this one's reads must not suffer.
            breaker.withdrawn()
        if breaker.state != self._told:
            self._tell()
        return answer

    def _take(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._busy.add(connection)
        if not self._looking:
            self._looking = True
            loop.call_later(LOOK_SECONDS, self._look, loop)

    def _drop(self, connection: Connection, sending: asyncio.Task[None] | None) -> None:
        self._busy.discard(connection)
        connection.close()
        if sending is not None:
            sending.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in self._busy:
            connection.look(now)
        self._looking = bool(self._busy)
        if self._looking:
            loop.call_later(LOOK_SECONDS, self._look, loop)

    def _kept(self, now: float) -> Connection | None:
        oldest = now - _IDLE_SECONDS
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.closed:
                continue
            if connection.idle_since < oldest:
                connection.close()
                continue
            return connection
        return None

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> Connection:
        try:
            async with asyncio.timeout(self._limits.connect):
                _, connection = await loop.create_connection(lambda: Connection(loop), self._name, self._port)
        except TimeoutError as error:
            raise Unreachable("no connection in time") from error
        except OSError as error:
            raise Unreachable(str(error)) from error
        return connection

    def failed(self) -> None:
        """Note that an answer broke off."""
        if self._loop is not None:
            self.breaker.failed((self._clock or self._loop.time)())
            self._tell()

    def _tell(self) -> None:
        if self.breaker.state != self._told:
            self._told = self.breaker.state
            if self._on_breaker is not None:
                self._on_breaker(self._told)

    def release(self, connection: Connection, sending: asyncio.Task[None] | None) -> None:
        """Take back an exchange's connection."""
        self._under_way -= 1
        self._busy.discard(connection)
        if sending is not None and not sending.done():
            # What is left of the request would be read as the next one's beginning.
            sending.cancel()
            connection.close()
            return
        if connection.rest(connection.now()):
            self._idle.append(connection)

    @asynccontextmanager
    async def exchange(
        self, *, method: str, target: bytes, headers: Headers, body: Body | None
    ) -> AsyncIterator[Answer]:
        """Ask, and close the answer afterwards."""
        answer = await self.ask(method=method, target=target, headers=headers, body=body)
        try:
            yield Answer(answer.status, answer.headers, answer.chunks())
        finally:
            answer.close()

    async def close(self) -> None:
        """Close every connection."""
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()


async def _send(connection: Connection, body: AsyncIterator[bytes]) -> None:
    async for chunk in body:
        await connection.write(chunk)


async def _begun(
    loop: asyncio.AbstractEventLoop, connection: Connection, sending: asyncio.Task[None], patience: float
) -> None:
    """Wait for the answer's head while the body is being sent; patience begins when that is done.

    What goes wrong with the body's source is raised. A component that stops listening may still have answered.
    """
    head = loop.create_task(connection.head(_NEVER, _NEVER))
    try:
        await asyncio.wait({head, sending}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and not head.done():
            error = sending.exception()
            if error is not None and not isinstance(error, ConnectionEnded):
                raise error
            await asyncio.wait({head}, timeout=patience)
            if not head.done():
                raise Silent
        head.result()
    finally:
        head.cancel()


def _serialised(method: str, target: bytes, headers: Headers) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target)]
    lines += map(b": ".join, headers)
    lines += (b"", b"")
    return b"\r\n".join(lines)
