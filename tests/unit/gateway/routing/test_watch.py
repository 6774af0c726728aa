from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from gateway.routing import live, presence, watch
from gateway.routing.models import CHANNEL, Worker
from gateway.routing.reports import adoption
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
    if watcher.table is None:
        return None
    return "service" if watcher.table.routes[capability].reads else "monolith"  # type: ignore[index]


def test_an_edit_in_psql_is_followed_by_notification(parameters, committed):
    async def scenario():
        # A poll this slow shows that it is the notification which is followed.
        async with watching(parameters, poll_seconds=60) as watcher:
            await watcher.wait_for_table(seconds=5)
            assert side(watcher) == "monolith"
            await asyncio.to_thread(committed, "UPDATE routing_toggle SET reads = 1024 WHERE capability = 'products'")
            await until(lambda: side(watcher) == "service")
            assert side(watcher, "orders") == "monolith"

    asyncio.run(scenario())


def test_a_change_without_notification_is_found_by_the_poll(parameters, committed):
    async def scenario():
        async with watching(parameters, poll_seconds=0.1) as watcher:
            watcher._channel = "nobody_speaks_here"
            await watcher.wait_for_table(seconds=5)
            await asyncio.to_thread(committed, "UPDATE routing_toggle SET reads = 1024 WHERE capability = 'orders'")
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
            await asyncio.to_thread(committed, "UPDATE routing_toggle SET reads = 1024 WHERE capability = 'products'")
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
            await asyncio.to_thread(committed, "UPDATE routing_toggle SET reads = 1024 WHERE capability = 'products'")
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


def test_rows_that_say_too_little_do_not_take_the_place_of_the_last_table(parameters, committed, caplog):
    async def scenario():
        async with watching(parameters, poll_seconds=0.05) as watcher:
            await watcher.wait_for_table(seconds=5)
            seen = watcher.table
            broken = watch._QUERY.replace("t.reads", "1025").replace("r.number,", "r.number + 1,")
            patched = pytest.MonkeyPatch()
            patched.setattr(watch, "_QUERY", broken)
            try:
                await until(lambda: "routing_database_away" in caplog.text)
                assert watcher.table is seen
            finally:
                patched.undo()

    asyncio.run(scenario())


def reads_are(watcher: Watcher, buckets: int) -> bool:
    return watcher.table is not None and watcher.table.routes["orders"].reads == buckets


async def asked(question: Callable[[], Any]) -> Any:
    """Return what the ORM answers, in a thread of its own."""

    def ask() -> Any:
        try:
            return question()
        finally:
            connections.close_all()

    return await asyncio.to_thread(ask)


async def until_it_says(question: Callable[[], Any], seconds: float = 30.0) -> Any:
    limit = time.monotonic() + seconds
    while not (said := await asked(question)):
        assert time.monotonic() < limit, "in vain"
        await asyncio.sleep(0.02)
    return said


def workers() -> list[Worker]:
    return list(Worker.objects.all())


def test_watchers_say_what_they_follow_and_take_their_leave(parameters, committed):
    def complete() -> Any:
        found = adoption(timezone.now())
        return found if found.complete and found.workers == 2 else None

    async def scenario():
        async with watching(parameters, poll_seconds=60) as one, watching(parameters, poll_seconds=60) as other:
            assert (await until_it_says(complete)).milliseconds is None
            await asyncio.to_thread(committed, "UPDATE routing_toggle SET reads = 5 WHERE capability = 'orders'")
            await until(lambda: one.table.routes["orders"].reads == other.table.routes["orders"].reads == 5)
            found = await until_it_says(complete)
            assert found.milliseconds is not None
            assert found.revision == one.table.revision == other.table.revision
        assert await asked(workers) == []

    asyncio.run(scenario())


def test_a_heartbeat_keeps_a_watcher_known_and_drops_the_dead(parameters, committed, monkeypatch):
    monkeypatch.setattr(presence, "HEARTBEAT_SECONDS", 0.2)
    dead = """
        INSERT INTO routing_worker (id, host, pid, revision, started_at, adopted_at, seen_at)
        SELECT 'dead', 'there', 7, 1, t, t, t FROM (SELECT clock_timestamp() - interval '11 s' AS t) AS long_ago
    """

    async def scenario():
        async with watching(parameters, poll_seconds=0.05):
            [first] = await until_it_says(workers)
            await asyncio.to_thread(committed, dead)

            def beaten() -> list[Worker]:
                found = workers()
                return found if len(found) == 1 and found[0].seen_at > first.seen_at else []

            [later] = await until_it_says(beaten)
            assert (later.id, later.adopted_at) == (first.id, first.adopted_at)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "hindrance", ["LOCK TABLE routing_worker", "ALTER TABLE routing_worker DROP COLUMN pid; COMMIT; BEGIN"]
)
def test_a_report_that_fails_keeps_nobody_from_following(parameters, committed, caplog, hindrance):
    async def scenario():
        async with watching(parameters, poll_seconds=60) as watcher:
            await watcher.wait_for_table(seconds=20)
            for reads in (1024, 0, 1024):
                await asyncio.to_thread(committed, f"UPDATE routing_toggle SET reads = {reads}")
                await until(partial(reads_are, watcher, reads))

    with psycopg.connect(make_conninfo(**parameters())) as other:
        other.execute(hindrance)
        try:
            asyncio.run(scenario())
        finally:
            other.execute("ALTER TABLE routing_worker ADD COLUMN IF NOT EXISTS pid integer NOT NULL")
    assert "routing_report_failed" in caplog.text
    assert "routing_database_away" not in caplog.text


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
