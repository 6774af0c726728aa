"""An upstream in the test's own event loop, that says who it is and does what a test tells it to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.load.client import HOST


@dataclass(frozen=True, slots=True)
class Asked:
    """What came. Field names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def owners(self) -> dict[str, str]:
        """Return what the token says about who owns what. Whether the token is to be believed is not asked here."""
        claims = self.headers["authorization"].split(".")[1]
        told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        owners: dict[str, str] = told["owners"]
        return owners


class Upstream:
    """Answers 200 with its name, unless told otherwise."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.asked = 0
        self.behave: Callable[[Asked], Awaitable[bytes]] = self._named

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Upstream]:
        """Answer for as long as the block runs."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    await self._one(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, HOST, 0, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked += 1
        said = await self.behave(Asked(method, target, headers, body))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
        writer.write(head.encode() + (said if method != "HEAD" else b""))
        await writer.drain()

    async def _named(self, asked: Asked) -> bytes:
        return json.dumps({"name": self.name}).encode()


@contextlib.asynccontextmanager
async def three() -> AsyncIterator[dict[str, Upstream]]:
    """Run the monolith and both services, as far as the gateway can tell."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(Upstream(name).listening())
            for name in ("legacy", "products", "orders")
        }


def urls(upstreams: Mapping[str, Upstream]) -> dict[str, str]:
    """Return where each of them is."""
    return {name: upstream.url for name, upstream in upstreams.items()}
