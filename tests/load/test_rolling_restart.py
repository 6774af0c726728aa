"""Two gateways behind one port that are told to stop, one after the other, and come back, while clients ask on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable

from tests.benchmarks.front import Front
from tests.load.balancer import Balancer
from tests.load.client import PATIENCE, Answer, Client, Load
from tests.load.conftest import Started
from tests.load.upstream import Asked, three, urls

SLOW_SECONDS = 2.0
DRAINING = {"GATEWAY_DRAIN_SECONDS": "2"}
"""Time for the balancer to notice, on a machine that is busy."""


async def _rolling(started: Started) -> None:
    async with (
        _slow_where_told() as upstreams,
        started(upstreams, **DRAINING) as one,
        started(upstreams, **DRAINING) as other,
    ):
        balancer = Balancer([one.port, other.port])

        async def ask(client: Client, number: int) -> Answer:
            await asyncio.sleep(0.005)
            if number % 4 == 0:
                # Somebody new: the balancer has to choose.
                client.close()
            return await client.ask("GET", f"/products/A-{number}")

        async with balancer.listening():
            await _until(lambda: len(balancer.ready) == 2, "both gateways ready")
            load = Load(balancer.port, clients=16, ask=ask)
            async with load.going_on():
                await load.until(100)
                for front in (one, other):
                    await _restarted(front, balancer, load)
                await load.until(100)
        assert not load.failed(200), load.told()
        assert balancer.stepped_back == {one.port, other.port}, "a gateway was gone before it said so"


async def _restarted(front: Front, balancer: Balancer, load: Load) -> None:
    before = front.stack.process_id("gateway")
    async with _slow_request_at_stop(front, load):
        await _until(lambda: front.port not in balancer.ready, "a gateway that stops to say that it is not ready")
    await _until(lambda: front.stack.process_id("gateway") not in {before, None}, "the old process to end")
    await _until(lambda: front.port in balancer.ready, "the gateway to come back")
    await load.until(50)


@contextlib.asynccontextmanager
async def _slow_request_at_stop(front: Front, load: Load | None = None) -> AsyncIterator[None]:
    """Tell the gateway to stop while a request is under way, run the block, and hold it to a whole answer."""
    leader = front.stack.process_id("gateway")
    assert leader
    async with Client(front.port) as client:
        slow = asyncio.create_task(client.ask("GET", "/products/SLOW"))
        if load is not None:
            await load.until(20)
        # Far from its end, and long on its way.
        await asyncio.sleep(SLOW_SECONDS / 4)
        os.kill(leader, signal.SIGTERM)
        yield
        answer = await slow
    told = "\n".join(front.stack.logs("gateway")[-20:])
    assert (answer.status, answer.body) == (200, b'{"slow": true}'), told


async def _finished(started: Started, **settings: str) -> None:
    async with _slow_where_told() as upstreams, started(upstreams, **settings) as front, _slow_request_at_stop(front):
        pass


@contextlib.asynccontextmanager
async def _slow_where_told() -> AsyncIterator[dict[str, str]]:
    async def behave(asked: Asked) -> bytes:
        if asked.target.endswith("/SLOW"):
            await asyncio.sleep(SLOW_SECONDS)
            return b'{"slow": true}'
        return b'{"slow": false}'

    async with three() as upstreams:
        for upstream in upstreams.values():
            upstream.behave = behave
        yield urls(upstreams)


async def _until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"in vain: {what}") from None


def test_a_rolling_restart_drops_nothing(started: Started) -> None:
    asyncio.run(_rolling(started))


def test_what_is_under_way_at_a_stop_is_finished_where_no_time_to_drain_is_given(started: Started) -> None:
    asyncio.run(_finished(started))
