"""An upstream that accepts everything and answers nothing."""

from __future__ import annotations

import asyncio

from tests.benchmarks.front import all_to
from tests.load.client import Answer, Broken, Client, Load
from tests.load.conftest import Started
from tests.load.upstream import Asked, three, urls

WAITING_MAX = 50
"""Requests that the gateway lets wait for one upstream."""
BUYERS = 200
SILENCE_SECONDS = 6


async def _hung(started: Started) -> None:
    async with three() as upstreams:
        settings = {"GATEWAY_READ_TIMEOUT": str(SILENCE_SECONDS), "GATEWAY_CONCURRENCY": str(WAITING_MAX)}
        async with started(urls(upstreams), **settings) as front:
            with front.database() as database:
                all_to(database, "service")
            buyer = {"Authorization": front.bearer(), "Content-Type": "application/json", "Idempotency-Key": "k"}

            async def look(client: Client, number: int) -> Answer:
                return await client.ask("GET", f"/products/A-{number}")

            async def buy() -> Answer:
                async with Client(front.port) as client:
                    return await client.ask("POST", "/orders", headers=buyer, body=b"{}")

            await _until_answers(front.port, "products")
            wakes = asyncio.Event()

            async def silent(asked: Asked) -> bytes:
                await wakes.wait()
                return b"{}"

            upstreams["orders"].behave = silent
            shoppers = Load(front.port, clients=8, ask=look)
            async with shoppers.going_on():
                # In the order in which they are answered.
                answers = [await coming for coming in asyncio.as_completed([buy() for _ in range(BUYERS)])]
                await shoppers.until(20)
            assert not shoppers.failed(200), f"others' requests failed: {shoppers.told()}"
            statuses = [answer.status for answer in answers]
            assert set(statuses) <= {503, 504}, f"{ {status: statuses.count(status) for status in set(statuses)} }"
            assert 503 in statuses, "nobody was turned away: all of them queued"
            assert statuses[0] == 503, "nobody was turned away before the first had waited in vain"
            turned_away = [answer for answer in answers if answer.status == 503]
            assert all(int(answer.headers.get("retry-after", "0")) >= 1 for answer in turned_away)
            assert upstreams["orders"].asked <= WAITING_MAX

            wakes.set()
            async with asyncio.timeout(60):
                while (await buy()).status != 200:
                    await asyncio.sleep(0.2)
            # Not one good answer among bad ones: well again.
            assert [(await buy()).status for _ in range(20)] == [200] * 20


async def _until_answers(port: int, name: str) -> None:
    """Wait until the toggles that were just set are gone by."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with Client(port) as client:
                    if name.encode() in (await client.ask("GET", "/products/A")).body:
                        return
            except Broken:
                pass
            await asyncio.sleep(0.05)


def test_a_hung_upstream_holds_nobody_else_up_and_turns_the_rest_away(started: Started) -> None:
    asyncio.run(_hung(started))
