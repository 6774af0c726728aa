"""An ASGI server for HTTP/1.1: what a gateway worker spends its life in.

Beside the ASGI messages the scope has `raw_target` (path and query as the client sent them) and, in `extensions`,
`techcommerce.exchange`: the `Exchange` itself, whose `on_gone` tells at once that the client has hung up, without a
task that waits for it, and `techcommerce.memo`: a dict that stays with the request's fields as long as the client sends
the same ones again. Why a server of our own: docs/benchmarks.md.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from gateway.wire import chunked
from gateway.wire.syntax import Header, Malformed, RequestHead, request_head, unfinished
from services.chassis import log

_logger = log.get(__name__)

Message = dict[str, Any]
Application = Callable[[dict[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]

HEAD_SECONDS: Final = 10.0
"""How long a client may take from a request's first byte to the end of its head."""
IDLE_SECONDS: Final = 75.0
"""Longer than clients keep an idle connection, so that it is they who close."""
LINGER_SECONDS: Final = 2.0
"""How long to read on, for nothing, after an answer to a request that nobody has read to its end: closing at once
would reset the connection, and the client might lose the answer."""
HALF_CLOSED_SECONDS: Final = 0.5
"""A client that has closed its sending side may still be reading, or gone. It is given this long."""
SWEEP_SECONDS: Final = 0.5
_READ_AHEAD: Final = 64 * 1024

_ASGI: Final = {"version": "3.0", "spec_version": "2.4"}
_STATUS_LINES: Final = {
    **{code: b"HTTP/1.1 %d " % code for code in range(100, 600)},
    **{status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode("ascii") for status in HTTPStatus},
}
_RESET: Final = struct.pack("ii", 1, 0)
_BODILESS: Final = frozenset({204, 304})


class Server:
    """The connections of one worker, and what is common to them."""

    def __init__(self, application: Application, *, loop: asyncio.AbstractEventLoop) -> None:
        self.application = application
        self.loop = loop
        self.connections: set[Connection] = set()
        self.state: dict[str, Any] = {"draining": False}
        """Seen by the application as `scope["state"]`."""
        self._sweeper: asyncio.TimerHandle | None = None
        self._date_second = 0
        self._date = b""

    @property
    def draining(self) -> bool:
        """Whether every answer is the last one of its connection."""
        return bool(self.state["draining"])

    def start(self) -> None:
        """Begin looking after connections that take too long."""
        self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def connection(self) -> Connection:
        """Return the protocol for a new connection."""
        return Connection(self)

    def drain(self) -> None:
        """Let every connection end with the answer it is at, or with the next."""
        self.state["draining"] = True

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for connection in list(self.connections):
            connection.close_if_idle()

    def abort(self) -> int:
        """Cut off what is left, and return how many connections that were."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        left = list(self.connections)
        for connection in left:
            connection.cut()
        return len(left)

    def date(self) -> bytes:
        """Return a Date field's value."""
        now = int(time.time())
        if now != self._date_second:
            self._date_second, self._date = now, formatdate(now, usegmt=True).encode("ascii")
        return self._date

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in [each for each in self.connections if each.deadline < now]:
            connection.overdue()
        self.start()


class Connection(asyncio.Protocol):
    """One client's connection: its requests one after the other."""

    __slots__ = (
        "_before",
        "_buffer",
        "_client",
        "_drained",
        "_exchange",
        "_half_closed",
        "_lingering",
        "_reading",
        "_server_name",
        "deadline",
        "server",
        "transport",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self.transport: Any = None
        self.deadline = server.loop.time() + HEAD_SECONDS
        self._buffer = b""
        self._before: RequestHead | None = None
        self._exchange: Exchange | None = None
        self._drained: asyncio.Future[None] | None = None
        self._half_closed = False
        self._lingering = False
        self._reading = True
        self._client: tuple[str, int] | None = None
        self._server_name: tuple[str, int] | None = None

    # The transport's side.

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server.connections.add(self)
        self._client = _address(transport.get_extra_info("peername"))
        self._server_name = _address(transport.get_extra_info("sockname"))

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
        self._buffer = self._buffer + data if self._buffer else data
        exchange = self._exchange
        if exchange is None:
            self._next()
        elif exchange.wants_body:
            taken, self._buffer = self._buffer, b""
            exchange.feed(taken)
        elif len(self._buffer) > _READ_AHEAD:
            self.pause()

    def eof_received(self) -> bool:
        self._half_closed = True
        if self._lingering:
            return False
        if self._exchange is None:
            # There may be another request behind the one that has just been answered.
            self._next()
        else:
            self.server.loop.call_later(HALF_CLOSED_SECONDS, self._exchange.gone)
        return self._exchange is not None

    def connection_lost(self, error: Exception | None) -> None:
        self.server.connections.discard(self)
        if self._exchange is not None:
            self._exchange.gone()
        self.resume_writing()

    def pause_writing(self) -> None:
        if self._drained is None:
            self._drained = self.server.loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # The exchange's side.

    @property
    def writable(self) -> asyncio.Future[None] | None:
        """What to wait for before writing more; None when nothing is in the way."""
        return self._drained

    def pause(self) -> None:
        """Stop reading: there is more than is wanted."""
        if self._reading and not self.transport.is_closing():
            self._reading = False
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._reading and not self.transport.is_closing():
            self._reading = True
            self.transport.resume_reading()

    def give_back(self, rest: bytes) -> None:
        """Take back bytes that are not the present exchange's."""
        self._buffer = rest

    def ended(self, *, reusable: bool, unread: bool) -> None:
        """Go on after an exchange: with the next, or to the end."""
        self._exchange = None
        if self.transport.is_closing() or self._lingering:
            return
        if not reusable:
            self._close(linger=unread or bool(self._buffer))
            return
        if not self._reading:
            self.resume()
        self.deadline = self.server.loop.time() + IDLE_SECONDS
        if self._buffer:
            # Not from here: a thousand requests in one packet would be a thousand frames on the stack.
            self.server.loop.call_soon(self._next)
        elif self._half_closed:
            self.transport.close()

    # Its own.

    def _next(self) -> None:
        if self._exchange is not None or self._lingering or self.transport.is_closing():
            return
        while self._buffer.startswith(b"\r\n"):
            self._buffer = self._buffer[2:]
        end = self._buffer.find(b"\r\n\r\n")
        try:
            if end < 0:
                if self._half_closed:
                    # Nobody is going to send the rest.
                    self.transport.close()
                    return
                # Not renewed by more bytes of the same head: a byte a second is no way to hold a connection.
                self.deadline = min(self.deadline, self.server.loop.time() + HEAD_SECONDS)
                unfinished(self._buffer)
                return
            self._before = request = request_head(self._buffer[:end], self._before)
        except Malformed as error:
            self._refuse(error)
            return
        rest, self._buffer = self._buffer[end + 4 :], b""
        self.deadline = float("inf")
        self._exchange = exchange = Exchange(self, request)
        if exchange.wants_body:
            if rest:
                exchange.feed(rest)
        else:
            self._buffer = rest
        exchange.start(self._client, self._server_name)
        if self._half_closed:
            self.server.loop.call_later(HALF_CLOSED_SECONDS, exchange.gone)

    def _refuse(self, error: Malformed) -> None:
        body = f"{error}\n".encode("ascii")
        self.transport.write(
            _STATUS_LINES[error.status]
            + b"\r\ncontent-type: text/plain\r\nconnection: close\r\ndate: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (self.server.date(), len(body), body)
        )
        _logger.info("request_refused", status=error.status, detail=str(error))
        self._close(linger=True)

    def _close(self, *, linger: bool) -> None:
        if not linger or self._half_closed:
            self.deadline = self.server.loop.time() + IDLE_SECONDS
            self.transport.close()
            return
        self._lingering = True
        self._buffer = b""
        self.deadline = self.server.loop.time() + LINGER_SECONDS
        self.resume()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def close_if_idle(self) -> None:
        """Close, unless a request is under way."""
        if self._exchange is None and not self._buffer and not self._lingering:
            self.transport.close()

    def overdue(self) -> None:
        """End a connection that has been silent for too long."""
        if self._lingering or self.transport.is_closing():
            # What has been written still waits for a client who does not read.
            self.transport.abort()
        elif self._buffer:
            self._refuse(Malformed("the request did not come in time", status=408))
        else:
            self._close(linger=False)

    def cut(self) -> None:
        """End at once."""
        self.transport.abort()

    def reset(self) -> None:
        """End at once an answer whose end is the connection's: closed in good order, it would look whole."""
        if not self.transport.is_closing():
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


class Exchange:
    """One request and its answer: the application's `receive` and `send`."""

    __slots__ = (
        "_answer",
        "_chunks",
        "_connection",
        "_continue",
        "_expected",
        "_gone",
        "_keep",
        "_on_gone",
        "_owed",
        "_pieces",
        "_request",
        "_size",
        "_state",
        "_told",
        "_waiter",
        "task",
        "wants_body",
    )

    def __init__(self, connection: Connection, request: RequestHead) -> None:
        self._connection = connection
        self._request = request
        self._chunks = chunked.Chunks() if request.fields.length is None else None
        self._expected = request.fields.length or 0
        self.wants_body = request.fields.length != 0
        """Whether bytes from the client are this request's."""
        self._pieces: list[bytes] = []
        self._size = 0
        self._told = False
        self._continue = request.fields.expects_continue
        self._waiter: asyncio.Future[None] | None = None
        self._gone = False
        self._on_gone: Callable[[], object] | None = None
        self.task: asyncio.Task[None] | None = None
        # What has become of the answer: "", then "held" (its head waits for the body's first piece), "sized",
        # "chunked", "bodiless" or "closing" (its end is the connection's), then "whole".
        self._state = ""
        self._keep = False
        self._answer: Message = {}
        self._owed = 0

    def start(self, client: tuple[str, int] | None, server: tuple[str, int] | None) -> None:
        """Hand the request to the application."""
        request = self._request
        raw_path, _, query = request.target.partition(b"?")
        path = raw_path.decode("ascii")
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1" if request.fields.minor == b"1" else "1.0",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": request.fields.headers,
            "client": client,
            "server": server,
            "state": self._connection.server.state,
            "raw_target": request.target,
            "extensions": {"techcommerce.exchange": self, "techcommerce.memo": request.fields.memo},
        }
        self.task = self._connection.server.loop.create_task(self._run(scope))

    def on_gone(self, callback: Callable[[], object] | None) -> None:
        """Have the callback called once the client has hung up; at once when it has. None takes it back."""
        self._on_gone = callback
        if callback is not None and self._gone:
            callback()

    def gone(self) -> None:
        """Learn that the client has hung up."""
        if self._gone or self._state == "whole":
            return
        self._gone = True
        self._wake()
        if self._on_gone is not None:
            self._on_gone()

    def feed(self, data: bytes) -> None:
        """Take bytes of the request's body; what is behind it is the next request's."""
        try:
            if self._chunks is None:
                piece, rest = data[: self._expected], data[self._expected :]
                self._expected -= len(piece)
                pieces = [piece]
                self.wants_body = self._expected > 0
            else:
                pieces = self._chunks.feed(data)
                self.wants_body = not self._chunks.done
                rest = self._chunks.rest() if self._chunks.done else b""
        except Malformed as error:
            self._spoiled(error)
            return
        if rest:
            self._connection.give_back(rest)
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if self._size > _READ_AHEAD:
            self._connection.pause()
        self._wake()

    async def receive(self) -> Message:
        """Give the application a piece of the request's body, or the client's end."""
        while True:
            if self._pieces or not (self.wants_body or self._told):
                body = b"".join(self._pieces)
                self._pieces.clear()
                self._size = 0
                self._told = not self.wants_body
                # Also when there is no more to come: a client who hangs up is only heard while reading.
                self._connection.resume()
                return {"type": "http.request", "body": body, "more_body": self.wants_body}
            if self._gone or self._state == "whole":
                return {"type": "http.disconnect"}
            if self._continue:
                self._continue = False
                if not self._state:
                    self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._waiter = self._connection.server.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def send(self, message: Message) -> None:
        """Take a part of the answer from the application."""
        if message["type"] == "http.response.start":
            if self._state:
                raise RuntimeError("an answer can begin only once")
            self._answer, self._state = message, "held"
            return
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self._gone:
            return
        state = self._state
        if state == "held":
            data = self._begun(body, more=more)
        elif state == "sized":
            self._owed -= len(body)
            if self._owed < 0:
                raise RuntimeError("the answer is longer than it said")
            data = body
        elif state == "chunked":
            data = chunked.chunk(body) if body else b""
        elif state == "closing":
            data = body
        elif state == "bodiless":
            data = b""
        else:
            raise RuntimeError("there is no answer to go on with")
        if not more:
            if self._state == "chunked":
                data += chunked.LAST
            elif self._state == "sized" and self._owed:
                raise RuntimeError("the answer is shorter than it said")
            self._state = "whole" if self._state != "closing" else "closed"
        if data:
            self._connection.transport.write(data)
        if more:
            writable = self._connection.writable
            if writable is not None:
                await asyncio.shield(writable)

    def _begun(self, body: bytes, *, more: bool) -> bytes:
        """Return the answer's head with the first of its body, and settle how its end will be known."""
        status: int = self._answer["status"]
        bodiless = self._request.method == "HEAD" or status in _BODILESS
        length: bytes | None = None
        dated = False
        lines = [_STATUS_LINES[status]]
        header: Header
        for header in self._answer["headers"]:
            name, value = header
            if name == b"content-length":
                length = value
                if status == 204:
                    continue
            elif name == b"date":
                dated = True
            lines.append(b": ".join(header))
        if not dated:
            lines.append(b"date: " + self._connection.server.date())
        if bodiless:
            self._state = "bodiless"
            body = b""
        elif length is None and not more:
            lines.append(b"content-length: %d" % len(body))
            self._state, self._owed = "sized", 0
        elif length is not None:
            self._state, self._owed = "sized", int(length) - len(body)
            if self._owed < 0:
                raise RuntimeError("the answer is longer than it said")
        elif self._request.fields.minor == b"1":
            lines.append(b"transfer-encoding: chunked")
            self._state = "chunked"
            body = chunked.chunk(body) if body else b""
        else:
            self._state = "closing"
        # Said once, and kept to. A body that is not all here yet may never be: the next request could not be found.
        self._keep = (
            self._request.fields.keep_alive
            and not self.wants_body
            and self._state != "closing"
            and not self._connection.server.draining
        )
        if not self._keep:
            lines.append(b"connection: close")
        lines.append(b"")
        lines.append(body)
        return b"\r\n".join(lines)

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self._connection.server.application(scope, self.receive, self.send)
        except Exception:
            _logger.exception("application_failed", method=self._request.method)
            self._keep = False
        finally:
            self._on_gone = None
            if self._state in {"", "held"} and not self._gone:
                self._failed()
            elif self._state == "closing":
                self._connection.reset()
            whole = self._state in {"whole", "closed"}
            self._connection.ended(reusable=self._keep and self._state == "whole", unread=whole and self.wants_body)

    def _failed(self) -> None:
        """Answer in place of an application that has not."""
        self._answer = {"status": 500, "headers": [(b"content-type", b"text/plain")]}
        self._connection.transport.write(self._begun(b"Internal Server Error\n", more=False))
        self._state = "whole"

    def _spoiled(self, error: Malformed) -> None:
        """End a request whose body turned out to be none, with a refusal where nothing has been answered yet."""
        self.wants_body = False
        self._told = True
        if self._state in {"", "held"} and not self._gone:
            self._gone = True
            self._state = "whole"
            self._connection._refuse(error)
        else:
            self._connection.transport.close()
            self._gone = True
        self._wake()
        if self._on_gone is not None:
            self._on_gone()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _address(name: Any) -> tuple[str, int] | None:
    return (name[0], name[1]) if isinstance(name, tuple) else None
