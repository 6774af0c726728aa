"""A load balancer that knows connections only, and gives new ones to whoever says that it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence

from tests.load.client import HOST, Broken, Client

_LOOKS_EVERY = 0.1
"""Seconds."""


class Balancer:
    """Deals connections out in turn."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._turn = itertools.count()
        self.ready: set[int] = set()
        self.stepped_back: set[int] = set()
        """Who has answered, at any time after it had been ready, that it was not."""
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Balancer]:
        """Balance for as long as the block runs."""
        tasks = {asyncio.create_task(self._watch(port)) for port in self._ports}

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
            with contextlib.suppress(asyncio.CancelledError):
                await self._one(reader, writer)

        server = await asyncio.start_server(serve, HOST, 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            chosen = sorted(self.ready)
            if chosen:
                # Not tried elsewhere when it is refused: whoever says that it is ready has to answer.
                there = await asyncio.open_connection(HOST, chosen[next(self._turn) % len(chosen)])
                writers.append(there[1])
                await asyncio.gather(_pour(reader, there[1]), _pour(there[0], writer))
        except OSError:
            return
        finally:
            for one in writers:
                one.close()

    async def _watch(self, port: int) -> None:
        while True:
            try:
                async with Client(port) as client:
                    ready = (await client.ask("GET", "/readyz")).status == 200
                if not ready and port in self.ready:
                    self.stepped_back.add(port)
            except Broken:
                ready = False
            (self.ready.add if ready else self.ready.discard)(port)
            await asyncio.sleep(_LOOKS_EVERY)


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            target.write(chunk)
            await target.drain()
    with contextlib.suppress(OSError):
        target.close()
