"""A server on a real socket, in either event loop, and a client that reads what it says octet by octet."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop

from gateway.wire.server import Server

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
PATIENCE = 60.0
"""Seconds that a whole scenario may take on the slowest machine."""

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def run_in(loop: str, scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def settled(value: Callable[[], object]) -> None:
    """Wait until the value has stayed the same for a while."""
    same, before = 0, value()
    while same < 20:
        await asyncio.sleep(0.02)
        now = value()
        same, before = (same + 1, now) if now == before else (0, now)


@dataclass
class Answer:
    """An answer as it came over the wire."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known == name]


@dataclass
class Client:
    """A client that says what it is told to."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> Answer:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        version, status, _ = lines[0].split(b" ", 2)
        assert version == b"HTTP/1.1"
        pairs = [line.split(b": ", 1) for line in lines[1:] if line]
        return Answer(int(status), [(name, value) for name, value in pairs])

    async def answer(self, *, bodiless: bool = False) -> Answer:
        """Return the next answer, and leave what is behind it."""
        answer = await self.head()
        if bodiless or answer.status in {204, 304} or answer.status < 200:
            return answer
        if answer.values(b"transfer-encoding") == [b"chunked"]:
            assert answer.values(b"content-length") == []
            while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
                answer.body += (await self.reader.readexactly(size + 2))[:-2]
            assert await self.reader.readexactly(2) == b"\r\n"
        elif length := answer.values(b"content-length"):
            assert len(length) == 1
            answer.body = await self.reader.readexactly(int(length[0]))
        else:
            answer.body = await self.reader.read()
        return answer

    async def rest(self) -> bytes | None:
        """Return what comes until the server closes; None when it resets the connection."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return None

    async def get(self, target: bytes = b"/") -> Answer:
        await self.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        return await self.answer()

    def read_nothing(self) -> None:
        """Let what comes pile up in the kernel, and then at the server."""
        self._transport().pause_reading()

    def read_on(self) -> None:
        self._transport().resume_reading()

    def _transport(self) -> Any:
        # It reads as well, whatever its type says.
        return self.writer.transport

    def leave(self) -> None:
        self.writer.transport.abort()


@dataclass
class Serving:
    """A server that listens."""

    server: Server
    port: int
    clients: list[Client] = field(default_factory=list)

    async def client(self, *, receive_buffer: int | None = None) -> Client:
        raw = socket.socket()
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        client = Client(*await asyncio.open_connection(sock=raw))
        self.clients.append(client)
        return client


@asynccontextmanager
async def serving(application: Application) -> AsyncIterator[Serving]:
    """Serve the application on a port of its own."""
    loop = asyncio.get_running_loop()
    server = Server(application, loop=loop)
    server.start()
    listener = await loop.create_server(server.connection, "127.0.0.1", 0)
    serve = Serving(server, listener.sockets[0].getsockname()[1])
    try:
        yield serve
    finally:
        listener.close()
        for client in serve.clients:
            client.leave()
        server.abort()
        await until(lambda: not server.connections)


def says(body: bytes = b"ok", *, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Application:
    """Return an application that always answers the same, without reading the request's body."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, status, headers)
        await send({"type": "http.response.body", "body": body})

    return application


async def start(send: Send, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or []})


async def more(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def last(send: Send, body: bytes = b"") -> None:
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def body_of(receive: Receive) -> bytes:
    """Return the whole body of the request; AssertionError when the client leaves before."""
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        piece: bytes = message["body"]
        body += piece
        if not message["more_body"]:
            return body


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the method, the target and the body."""
    body = await body_of(receive)
    await start(send)
    await last(send, b" ".join([scope["method"].encode(), scope["raw_target"], body]))
