"""Clients that keep one connection each and never ask twice: whatever breaks is seen.

Broken                no whole answer came
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0
"""Seconds after which a test on a machine as slow as may be has waited long enough for one answer."""


class Broken(Exception):
    """No whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Field names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """One connection at a time, opened again after the other side has said that it closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def ask(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Return the answer to one request; Broken when there is none."""
        fields = {"Host": "shop.test", **(headers or {})}
        if body or method in {"POST", "PATCH"}:
            fields["Content-Length"] = str(len(body))
        head = "".join([f"{method} {target} HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in fields.items()), "\r\n"])
        try:
            async with asyncio.timeout(PATIENCE):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(HOST, self._port)
                reader, writer = self._streams
                writer.write(head.encode() + body)
                answer = await read_answer(reader, method)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.close()
            raise Broken(f"{method} {target}: {type(error).__name__} {error}") from error
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer


async def read_answer(reader: asyncio.StreamReader, method: str) -> Answer:
    """Return the next answer of a connection."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    if method == "HEAD" or status in {204, 304}:
        body = b""
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join([chunk async for chunk in _chunks(reader)])
    else:
        body = await reader.readexactly(int(headers["content-length"]))
    return Answer(status, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request. Times by the monotonic clock."""

    began: float
    ended: float
    status: int
    """0 where no whole answer came."""
    detail: str = ""


@dataclass(slots=True)
class Load:
    """Clients that ask, each one question after the other, until told to stop."""

    port: int
    clients: int
    ask: Callable[[Client, int], Awaitable[Answer]]
    """Given a client and a number that no other request has."""
    rate: float = 0.0
    """Requests per second of all clients together; 0 for as many as are answered."""
    outcomes: list[Outcome] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _number: int = 0

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[Self]:
        """Ask while the block runs, and let the last answers come."""
        began = time.monotonic()
        tasks = [asyncio.create_task(self._client(began)) for _ in range(self.clients)]
        try:
            yield self
        finally:
            self._stop.set()
            await asyncio.gather(*tasks)

    async def until(self, answers: int) -> None:
        """Wait for so many answers more."""
        wanted = len(self.outcomes) + answers
        async with asyncio.timeout(PATIENCE):
            while len(self.outcomes) < wanted:
                await asyncio.sleep(0.01)

    async def _client(self, began: float) -> None:
        async with Client(self.port) as client:
            while not self._stop.is_set():
                number = self._number
                self._number += 1
                if self.rate and (ahead := began + number / self.rate - time.monotonic()) > 0:
                    await asyncio.sleep(ahead)
                self.outcomes.append(await self._one(client, number))

    async def _one(self, client: Client, number: int) -> Outcome:
        began = time.monotonic()
        try:
            answer = await self.ask(client, number)
        except Broken as error:
            return Outcome(began, time.monotonic(), 0, str(error))
        return Outcome(began, time.monotonic(), answer.status, answer.body[:200].decode(errors="replace"))

    def failed(self, *good: int) -> list[Outcome]:
        """Return every outcome whose status is none of these."""
        return [outcome for outcome in self.outcomes if outcome.status not in good]

    def told(self) -> str:
        """Say what was seen, for the message of an assertion."""
        if not self.outcomes:
            return "nothing was answered"
        seconds = max(one.ended for one in self.outcomes) - min(one.began for one in self.outcomes)
        counts = dict(Counter(outcome.status for outcome in self.outcomes))
        odd = [f"{one.status} {one.detail}" for one in self.failed(200, 201)][:3]
        return f"{len(self.outcomes) / max(seconds, 0.001):,.0f} requests/s; by status: {counts}; {odd}"
