"""A service that is killed outright while shoppers read and staff write, through the gateway, in the whole shop."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from services.chassis.identity import Minter, Principal
from services.local import keys
from services.local.stack import Stack
from services.ownership.triggers import APPLYING
from tests.benchmarks.front import all_to, connected
from tests.load.client import Answer, Client, Load, Outcome

MOST_PER_SECOND = 500
WRITERS = 4
# The kernel closes what a killed process had open in its own time. A write that goes out on such a connection meanwhile
# is under way as well, and must not be sent twice.
CLOSING_SECONDS = 0.5
STAFF = Principal("staff-1", "staff", frozenset({"orders", "products:write", "orders:operate"}))
MARK = "as the service has it"


class Writes:
    """What staff wrote, each writer to a product of its own, and what they were told."""

    def __init__(self, skus: Sequence[str], bearer: str) -> None:
        self.skus = skus
        self.headers = {"Authorization": bearer, "Content-Type": "application/json"}
        self.said: dict[str, list[tuple[str, Outcome]]] = {sku: [] for sku in skus}

    def load(self, port: int, writer: int) -> Load:
        sku = self.skus[writer]

        async def ask(client: Client, number: int) -> Answer:
            body = json.dumps({"description": f"{sku} {number}"}).encode()
            return await client.ask("PATCH", f"/products/{sku}", headers=self.headers, body=body)

        return Load(port, clients=1, ask=ask, rate=5)


async def _killed(stack: Stack, *, whole: bool) -> None:
    port = stack.ports["gateway"]
    reads = await _skus(port)
    gateway_was = stack.process_id("gateway")

    async def read(client: Client, number: int) -> Answer:
        return await client.ask("GET", f"/products/{reads[number % len(reads)]}")

    rate = min(MOST_PER_SECOND, 0.5 * await _carried(port, read))
    readers = Load(port, clients=16, ask=read, rate=rate)
    writes = Writes(reads[:WRITERS], _bearer(stack))
    writers = [writes.load(port, number) for number in range(WRITERS)]
    async with readers.going_on():
        tasks = [writer.going_on() for writer in writers]
        for task in tasks:
            await task.__aenter__()
        await readers.until(200)
        killed_at = time.monotonic()
        if whole:
            stack.kill("products", signal.SIGKILL)
        else:
            _kill_workers(stack)
        dead_at = time.monotonic() + CLOSING_SECONDS
        await asyncio.to_thread(_wait_gone_and_back, stack, whole)
        back_at = time.monotonic()
        await _until_marked(port, reads[-1])
        well_at = time.monotonic()
        await readers.until(200)
        for task in tasks:
            await task.__aexit__(None, None, None)
    offered = f"offered {rate:.0f} reads/s"
    assert not readers.failed(200), f"{offered}: {readers.told()}"
    assert stack.process_id("gateway") == gateway_was
    for sku, writer in zip(writes.skus, writers, strict=False):
        assert any(one.status == 200 and one.began > well_at for one in writer.outcomes), f"{sku}: {writer.told()}"
        for one in writer.failed(200):
            # A refusal says that nothing was done; what nobody can know is the fate of what was under way.
            under_way = one.began <= dead_at and killed_at <= one.ended
            refused = one.status in {502, 503} and killed_at <= one.ended and one.began <= max(back_at, well_at)
            assert under_way or (whole and refused), (
                f"{offered}: {one}, killed {killed_at}, back {back_at}: {writer.told()}"
            )
        await _acknowledged_is_kept(stack, sku, writer)


async def _acknowledged_is_kept(stack: Stack, sku: str, writer: Load) -> None:
    """The last write that was acknowledged is there, unless one that came after it was done without an answer."""
    with connected(stack, "products") as database:
        row = database.execute("SELECT description FROM products_product WHERE sku = %s", [sku]).fetchone()
    assert row
    numbers = [number for number, one in enumerate(writer.outcomes) if one.status == 200]
    assert numbers
    kept = int(row[0].split()[-1]) if row[0].startswith(f"{sku} ") else -1
    assert kept >= numbers[-1], f"{sku}: {numbers[-1]} was acknowledged, {row[0]!r} is kept"


def _kill_workers(stack: Stack) -> None:
    leader = stack.process_id("products")
    assert leader
    for worker in psutil.Process(leader).children():
        worker.kill()


def _wait_gone_and_back(stack: Stack, whole: bool) -> None:
    if whole:
        stack.wait_ready("products", seconds=60)
    else:
        leader = psutil.Process(stack.process_id("products"))
        stack.wait_until(lambda: bool(leader.children()), seconds=60, what="a new worker")
        stack.wait_ready("products", seconds=60)


async def _skus(port: int) -> list[str]:
    async with Client(port) as client:
        listed = json.loads((await client.ask("GET", "/products?page_size=20")).body)
    return [product["sku"] for product in listed["results"]]


async def _carried(port: int, read) -> float:
    """Return how many reads per second this machine carries today."""
    load = Load(port, clients=8, ask=read)
    async with load.going_on():
        await load.until(50)
        began, before = time.monotonic(), len(load.outcomes)
        await load.until(200)
        return (len(load.outcomes) - before) / (time.monotonic() - began)


async def _until_marked(port: int, sku: str) -> None:
    """Wait until it is the service that answers a read again, in every worker: each has found out for itself."""
    async with asyncio.timeout(60), Client(port) as client:
        while True:
            marked = MARK in (await client.ask("GET", f"/products/{sku}")).body.decode()
            metrics = (await client.ask("GET", "/metrics")).body.decode()
            if marked and 'techcommerce_breaker_open{upstream="products"} 0.0' in metrics:
                return
            await asyncio.sleep(0.1)


def _bearer(stack: Stack) -> str:
    minter = Minter.from_file(issuer="gateway", path=keys.ensure(stack.home).private("gateway"))
    return f"Bearer {minter.mint(STAFF, audience='gateway', lifetime=3600)}"


@pytest.fixture(scope="module")
def stack(home: Path):
    with Stack(home=home) as stack:
        assert stack.manage("sync", "move", "products", "--to", "service") == 0
        with connected(stack, "products") as database:
            # For this side alone: the other is not told.
            database.execute(f"SET {APPLYING} = 'on'")
            database.execute("UPDATE products_product SET name = %s", [MARK])
        with connected(stack, "gateway") as database:
            all_to(database, "service")
        asyncio.run(_settled(stack))
        yield stack


async def _settled(stack: Stack) -> None:
    """Wait until every worker has had time to go by the toggles: they look by themselves each second."""
    sku = (await _skus(stack.ports["gateway"]))[0]
    for _ in range(20):
        await _until_marked(stack.ports["gateway"], sku)


@pytest.mark.parametrize("whole", [True, False], ids=["the service", "its workers"])
def test_no_read_fails_and_only_writes_under_way_do_when_it_is_killed(stack: Stack, whole: bool) -> None:
    asyncio.run(_killed(stack, whole=whole))
