"""Bodies larger than memory should hold, both ways, past a reader that pauses."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import psutil

from services.chassis.identity import Minter, Principal
from services.local import keys
from tests.benchmarks.front import Front
from tests.load.client import HOST, PATIENCE
from tests.load.conftest import Started

SIZE = 2**30
GROWTH_MAX = 50 * 2**20
PIECE = bytes(256 * 1024)
PAUSE_AFTER = 64 * 2**20
PAUSE_SECONDS = 1.0
AHEAD_MAX = 48 * 2**20
"""How far the sender may be ahead of a reader that pauses: what the kernel keeps on three sockets, and some more."""
STAFF = Principal("staff-1", "staff", frozenset({"products:write"}))


class Bulk:
    """An upstream that sends, or takes, so many bytes; and its count of them."""

    def __init__(self) -> None:
        self.port = 0
        self.moved = 0
        self.rest_at = 0
        self._listener = socket.create_server((HOST, 0))
        self._listener.setblocking(False)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        self.port = self._listener.getsockname()[1]
        task = asyncio.create_task(self._serve())
        try:
            yield f"http://{HOST}:{self.port}"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._listener.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        tasks = set()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            connection.setblocking(False)
            tasks.add(asyncio.create_task(self._one(connection)))

    async def _one(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = await loop.sock_recv(connection, 65536)
                if not chunk:
                    return
                head += chunk
            if head.startswith(b"GET"):
                await loop.sock_sendall(connection, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
                while self.moved < SIZE:
                    await loop.sock_sendall(connection, PIECE)
                    self.moved += len(PIECE)
            else:
                begun = len(head.partition(b"\r\n\r\n")[2])
                self.moved = await taken(connection, SIZE - begun, self) + begun
                await loop.sock_sendall(connection, b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")
            # Open until the other side has had enough.
            await loop.sock_recv(connection, 1)


async def taken(connection: socket.socket, size: int, bulk: Bulk, *, rest_at: int = PAUSE_AFTER) -> int:
    """Take so many bytes, with a pause on the way; return how many came."""
    loop = asyncio.get_running_loop()
    room = memoryview(bytearray(len(PIECE)))
    count, rested = 0, False
    while count < size:
        if not rested and count >= rest_at:
            rested = True
            bulk.rest_at = count
            await asyncio.sleep(PAUSE_SECONDS)
        came = await loop.sock_recv_into(connection, room)
        if not came:
            break
        count += came
    return count


class Scale:
    """Weighs the gateway's workers all along."""

    def __init__(self, front: Front) -> None:
        self._workers = psutil.Process(front.stack.process_id("gateway")).children(recursive=True)
        self.first = self._weigh()
        self.most = self.first

    @contextlib.asynccontextmanager
    async def weighing(self) -> AsyncIterator[Scale]:
        task = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.most = max(self.most, self._weigh())

    @property
    def grown(self) -> int:
        return self.most - self.first

    def _weigh(self) -> int:
        return sum(worker.memory_info().rss for worker in self._workers)

    async def _watch(self) -> None:
        while True:
            self.most = max(self.most, self._weigh())
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _moving(started: Started) -> AsyncIterator[tuple[Bulk, Front]]:
    bulk = Bulk()
    limits = {"GATEWAY_BODY_MAX": str(2 * SIZE), "GATEWAY_DEADLINE": "300", "GATEWAY_READ_TIMEOUT": "60"}
    async with (
        bulk.listening() as url,
        started(dict.fromkeys(("legacy", "products", "orders"), url), **limits) as front,
    ):
        yield bulk, front


async def _connected(front: Front) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, (HOST, front.port))
    return connection


async def _head(connection: socket.socket) -> tuple[bytes, int]:
    """Return an answer's head, and how many bytes of its body came with it."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        chunk = await asyncio.get_running_loop().sock_recv(connection, 65536)
        assert chunk, f"the connection ended after {seen!r}"
        seen += chunk
    head, _, rest = seen.partition(b"\r\n\r\n")
    return head, len(rest)


async def _down(started: Started) -> None:
    async with _moving(started) as (bulk, front), Scale(front).weighing() as scale:
        loop = asyncio.get_running_loop()
        with await _connected(front) as connection:
            await loop.sock_sendall(connection, b"GET /products HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            head, begun = await _head(connection)
            assert head.startswith(b"HTTP/1.1 200"), head
            ahead = asyncio.create_task(_ahead_at_rest(bulk))
            assert begun + await taken(connection, SIZE - begun, bulk) == SIZE
            assert await ahead < AHEAD_MAX, "the gateway reads on while its client does not"
    assert scale.grown < GROWTH_MAX, f"{scale.grown / 2**20:.0f} MB"


async def _ahead_at_rest(bulk: Bulk) -> int:
    """Return by how much the sender was ahead at the end of the reader's pause."""
    async with asyncio.timeout(PATIENCE):
        while not bulk.rest_at:
            await asyncio.sleep(0.01)
    await asyncio.sleep(PAUSE_SECONDS * 0.8)
    return bulk.moved - bulk.rest_at


async def _up(started: Started) -> None:
    async with _moving(started) as (bulk, front), Scale(front).weighing() as scale:
        loop = asyncio.get_running_loop()
        minter = Minter.from_file(issuer="gateway", path=keys.ensure(front.stack.home).private("gateway"))
        token = minter.mint(STAFF, audience="gateway", lifetime=3600)
        lines = (
            "POST /products HTTP/1.1",
            "Host: shop.test",
            "Content-Type: application/json",
            f"Content-Length: {SIZE}",
        )
        with await _connected(front) as connection:
            head = "\r\n".join([*lines, f"Authorization: Bearer {token}", "", ""]).encode()
            await loop.sock_sendall(connection, head)
            sent, most_ahead = 0, 0
            while sent < SIZE:
                await loop.sock_sendall(connection, PIECE)
                sent += len(PIECE)
                if bulk.rest_at and most_ahead == 0:
                    most_ahead = await _sent_on_at_rest(connection, sent) - bulk.rest_at
                    sent = bulk.rest_at + most_ahead
            answer, _ = await _head(connection)
            assert answer.startswith(b"HTTP/1.1 201"), answer
            assert bulk.moved == SIZE
            assert most_ahead < AHEAD_MAX, "the gateway reads on while its upstream does not"
    assert scale.grown < GROWTH_MAX, f"{scale.grown / 2**20:.0f} MB"


async def _sent_on_at_rest(connection: socket.socket, sent: int) -> int:
    """Send what is taken during most of the upstream's pause, and return how much has been sent in all."""
    limit = time.monotonic() + PAUSE_SECONDS * 0.8
    while time.monotonic() < limit:
        try:
            sent += connection.send(PIECE)
        except BlockingIOError:
            await asyncio.sleep(0.01)
    return sent


def test_a_gigabyte_comes_down_in_flat_memory_past_a_slow_reader(started: Started) -> None:
    asyncio.run(_down(started))


def test_a_gigabyte_goes_up_in_flat_memory_past_a_slow_upstream(started: Started) -> None:
    asyncio.run(_up(started))
