from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.routing import live, watch
from gateway.routing.models import CHANNEL
from gateway.routing.watch import Watcher


@pytest.fixture
def parameters(committed) -> Callable[[], dict[str, Any]]:
    known = {**live._parameters(), "application_name": "watched"}
    return lambda: known


@asynccontextmanager
async def watching(parameters, **arguments):
    watcher = Watcher(parameters=parameters, channel=CHANNEL, **arguments)
    watcher.start()
    try:
        yield watcher
    finally:
        await watcher.stop()


async def until(condition: Callable[[], object], seconds: float = 10.0) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "in vain"
        await asyncio.sleep(0.005)
    return time.monotonic() - started


def side(watcher: Watcher, capability: str = "products") -> str | None:
    return watcher.table.sides[capability] if watcher.table else None  # type: ignore[index]


def test_an_edit_in_psql_is_followed_by_notification(parameters, committed):
    async def scenario():
        # A poll this slow shows that it is the notification which is followed.
        async with watching(parameters, poll_seconds=60) as watcher:
            await watcher.wait_for_table(seconds=5)
            assert side(watcher) == "monolith"
            await asyncio.to_thread(
                committed, "UPDATE routing_toggle SET side = 'service' WHERE capability = 'products'"
            )
            await until(lambda: side(watcher) == "service")
            assert side(watcher, "orders") == "monolith"

    asyncio.run(scenario())


def test_a_change_without_notification_is_found_by_the_poll(parameters, committed):
    async def scenario():
        async with watching(parameters, poll_seconds=0.1) as watcher:
            watcher._channel = "nobody_speaks_here"
            await watcher.wait_for_table(seconds=5)
            await asyncio.to_thread(committed, "UPDATE routing_toggle SET side = 'service' WHERE capability = 'orders'")
            await until(lambda: side(watcher, "orders") == "service")

    asyncio.run(scenario())


def test_it_comes_back_after_its_connection_was_killed(parameters, committed):
    async def scenario():
        async with watching(parameters, poll_seconds=60) as watcher:
            await watcher.wait_for_table(seconds=5)
            await asyncio.to_thread(
                committed,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'watched'",
            )
            await asyncio.to_thread(
                committed, "UPDATE routing_toggle SET side = 'service' WHERE capability = 'products'"
            )
            await until(lambda: side(watcher) == "service")

    asyncio.run(scenario())


def test_it_keeps_the_last_snapshot_while_the_database_is_away(parameters, committed, monkeypatch):
    monkeypatch.setattr(watch, "_STALE_SECONDS", 0.2)

    async def scenario():
        reachable = parameters()
        away = {**reachable, "host": "127.0.0.1", "port": _closed_port()}
        known = [reachable]
        async with watching(lambda: known[0], poll_seconds=0.1) as watcher:
            await watcher.wait_for_table(seconds=5)
            assert watcher.in_touch
            known[0] = away
            await asyncio.to_thread(
                committed,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'watched'",
            )
            await until(lambda: not watcher.in_touch)
            assert side(watcher) == "monolith"
            await asyncio.to_thread(
                committed, "UPDATE routing_toggle SET side = 'service' WHERE capability = 'products'"
            )
            known[0] = reachable
            await until(lambda: side(watcher) == "service" and watcher.in_touch)

    asyncio.run(scenario())


def test_it_begins_without_a_database_and_goes_on_trying(parameters):
    async def scenario():
        reachable = parameters()
        known = [{**reachable, "host": "127.0.0.1", "port": _closed_port()}]
        async with watching(lambda: known[0]) as watcher:
            await watcher.wait_for_table(seconds=0.3)
            assert watcher.table is None
            assert not watcher.in_touch
            known[0] = reachable
            await until(lambda: watcher.table is not None)

    asyncio.run(scenario())


def test_rows_that_say_too_little_do_not_take_the_place_of_the_last_table(parameters, committed):
    async def scenario():
        async with watching(parameters, poll_seconds=0.05) as watcher:
            await watcher.wait_for_table(seconds=5)
            seen = watcher.table
            broken = watch._QUERY.replace("t.side", "'moon'").replace("r.number,", "r.number + 1,")
            patched = pytest.MonkeyPatch()
            patched.setattr(watch, "_QUERY", broken)
            try:
                await asyncio.sleep(0.3)
                assert watcher.table is seen
            finally:
                patched.undo()

    asyncio.run(scenario())


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
