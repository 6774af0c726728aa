"""Toggles that flip a thousand times while shoppers ask."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg

from services.chassis.identity import Owner
from tests.benchmarks.front import Front, connected, share
from tests.load.client import PATIENCE, Answer, Client, Load
from tests.load.conftest import Started
from tests.load.upstream import Asked, three, urls

FLIPS = 1000
STATES: Final[tuple[tuple[Owner, Owner], ...]] = (
    ("monolith", "monolith"),
    ("service", "service"),
    ("service", "monolith"),
)
"""Who has products and who has orders. The fourth pair is never set: whoever sees it has seen half a change."""
CAPABILITIES = ("products", "orders")


async def _flipped_under_load(started: Started) -> None:
    async with three() as upstreams, started(urls(upstreams), workers=2) as front:
        for name, upstream in upstreams.items():
            upstream.behave = _telling(name)
        bearer = front.bearer()
        seen: Counter[str] = Counter()
        torn: list[str] = []

        async def ask(client: Client, number: int) -> Answer:
            capability = "products" if number % 4 else "orders"
            answer = await _ask(client, bearer, capability)
            if answer.status == 200:
                name, owners = _told(answer)
                seen[name] += 1
                side = "monolith" if name == "legacy" else "service"
                pair = tuple(owners[one] for one in CAPABILITIES)
                if name not in {"legacy", capability} or owners[capability] != side or pair not in STATES:
                    torn.append(f"{capability}: {name}, {owners}")
            return answer

        load = Load(front.port, clients=16, ask=ask)
        async with load.going_on():
            await load.until(100)
            await asyncio.to_thread(_flip, front)
            await load.until(100)
        assert not load.failed(200), load.told()
        assert not torn, f"{len(torn)} of {len(load.outcomes)} requests saw half a change: {torn[:3]}"
        assert set(seen) == {"legacy", *CAPABILITIES}, "nothing was flipped: the test shows nothing"
        assert min(seen.values()) > 20, seen
        for state in STATES:
            await _comes_true(front, bearer, state)


async def _ask(client: Client, bearer: str, capability: str) -> Answer:
    headers = {"Authorization": bearer, "Content-Type": "application/json", "Idempotency-Key": "k"}
    if capability == "products":
        return await client.ask("GET", "/products/A", headers=headers)
    return await client.ask("POST", "/orders", headers=headers, body=b"{}")


def _told(answer: Answer) -> tuple[str, dict[str, str]]:
    said: dict[str, Any] = json.loads(answer.body)
    return said["name"], said["owners"]


def _telling(name: str) -> Callable[[Asked], Awaitable[bytes]]:
    async def behave(asked: Asked) -> bytes:
        return json.dumps({"name": name, "owners": asked.owners()}).encode()

    return behave


def _flip(front: Front) -> None:
    with connected(front.stack, "gateway") as database:
        for state in itertools.islice(itertools.cycle(STATES), FLIPS):
            _set(database, state)


def _set(database: psycopg.Connection[Any], state: tuple[Owner, Owner]) -> None:
    """Set both toggles in one statement, and so in one change."""
    database.execute(
        "UPDATE routing_toggle AS t SET reads = s.share, writes = s.share"
        " FROM (VALUES ('products', %s), ('orders', %s)) AS s (capability, share) WHERE s.capability = t.capability",
        [share(side) for side in state],
    )


async def _comes_true(front: Front, bearer: str, state: tuple[Owner, Owner]) -> None:
    """Set this, and wait until every upstream is told exactly this: nothing of the past is kept."""
    with connected(front.stack, "gateway") as database:
        _set(database, state)
    wanted = dict(zip(CAPABILITIES, state, strict=True))
    names = ["legacy" if wanted[one] == "monolith" else one for one in CAPABILITIES]
    limit = asyncio.get_running_loop().time() + PATIENCE / 4
    told: list[tuple[str, dict[str, str]]] = []
    while told != [(name, wanted) for name in names for _ in range(8)]:
        assert asyncio.get_running_loop().time() < limit, f"{wanted} was set, {told} is told"
        told = []
        for capability in CAPABILITIES:
            for _ in range(8):
                # A connection each, so that any worker may be the one.
                async with Client(front.port) as client:
                    told.append(_told(await _ask(client, bearer, capability)))


def test_a_thousand_flips_fail_no_request_and_none_sees_half_a_change(started: Started) -> None:
    asyncio.run(_flipped_under_load(started))
