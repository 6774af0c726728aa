"""Whether what a request leaves behind in a worker adds up."""

from __future__ import annotations

import asyncio
import time

import psutil

from tests.load.client import Answer, Client, Load
from tests.load.conftest import Started
from tests.load.upstream import three, urls

WARM_UP = 3000
COUNTED = 12000
SECONDS_MAX = 20.0
"""A machine that is too slow for all of them judges by fewer."""
LEAK = 1024
"""Bytes per request that must be noticed."""
NOISE = 2**20
"""Bytes by which a process may grow for no such reason."""


async def _flat(started: Started) -> None:
    async with three() as upstreams, started(urls(upstreams)) as front:
        cookie = front.cookie()

        async def ask(client: Client, number: int) -> Answer:
            # No two alike: what keeps something for each path, query or trace is to be found out.
            headers = {"traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01"}
            if number % 2:
                headers["Cookie"] = cookie
            return await client.ask("GET", f"/products/A-{number}?page={number}", headers=headers)

        load = Load(front.port, clients=16, ask=ask)
        worker = psutil.Process(front.stack.process_id("gateway")).children()[0]
        async with load.going_on():
            await _some(load, WARM_UP)
            before, begun = worker.memory_info().rss, len(load.outcomes)
            await _some(load, COUNTED)
            grown, asked = worker.memory_info().rss - before, len(load.outcomes) - begun
        assert not load.failed(200), load.told()
        assert LEAK * asked > 2 * NOISE, f"too few requests to judge by: {load.told()}"
        allowed = LEAK * asked / 2 + NOISE
        assert grown < allowed, f"{grown / asked:.0f} bytes for each of {asked} requests: {load.told()}"


async def _some(load: Load, count: int) -> None:
    wanted, limit = len(load.outcomes) + count, time.monotonic() + SECONDS_MAX
    while len(load.outcomes) < wanted and time.monotonic() < limit:
        await asyncio.sleep(0.01)


def test_memory_stays_flat(started: Started) -> None:
    asyncio.run(_flat(started))
