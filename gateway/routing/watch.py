"""Keeps one process's snapshot of the toggles fresh: LISTEN for speed, a poll behind it for certainty.

Has a database connection of its own and no ORM. With the database away it keeps the last snapshot and goes on trying
for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
import psycopg.conninfo

from gateway.routing.presence import PREPARE, Presence
from gateway.routing.table import IncompleteTable, RoutingTable
from services.chassis import log

_logger = log.get(__name__)

POLL_SECONDS: Final = 1.0
_BACKOFF_FIRST, _BACKOFF_MOST = 0.1, 5.0
# A database that answers nothing any more, without closing the connection, is away as well.
_PATIENCE_SECONDS: Final = 5.0
_LEAVING_SECONDS: Final = 1.0
_STALE_SECONDS: Final = 3.0

# One statement, so one snapshot: the rows belong to the revision.
_QUERY: Final = """
SELECT r.number, t.capability, t.reads, t.writes, t.shadow, t.fallback, t.salt, t.shadow_salt
FROM routing_revision r CROSS JOIN routing_toggle t
WHERE r.id = 1
"""


class Watcher:
    """What this process knows about the toggles, the task that keeps it so, and the word on it for operators."""

    def __init__(
        self,
        *,
        parameters: Callable[[], dict[str, Any]],
        channel: str,
        clock: Callable[[], float] = time.monotonic,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._parameters = parameters
        self._channel = channel
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._table: RoutingTable | None = None
        self._heard_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._seen = asyncio.Event()
        self._presence = Presence(clock=clock)

    @property
    def table(self) -> RoutingTable | None:
        """The last snapshot; None until there was a first one."""
        return self._table

    @property
    def in_touch(self) -> bool:
        """Whether the database has answered within the last few seconds."""
        return self._heard_at is not None and self._clock() - self._heard_at < self._poll_seconds + _STALE_SECONDS

    def start(self) -> None:
        """Begin watching, in the running event loop. Does nothing when it has begun."""
        if self._task is None:
            # Only now, as the object may be older than the process.
            self._presence = Presence(clock=self._clock)
            self._task = asyncio.create_task(self._run(), name="routing-watch")

    async def wait_for_table(self, *, seconds: float) -> None:
        """Wait until there is a snapshot, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._seen.wait(), seconds)

    async def stop(self) -> None:
        """Stop watching. The snapshot stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        pause = _BACKOFF_FIRST
        while True:
            started = self._clock()
            try:
                await self._follow()
            except (psycopg.Error, OSError, TimeoutError, IncompleteTable) as error:
                if self._clock() - started > _BACKOFF_MOST:
                    pause = _BACKOFF_FIRST
                detail = (str(error).splitlines() or [""])[0]
                _logger.warning(
                    "routing_database_away", error=type(error).__name__, detail=detail, retry_in=round(pause, 1)
                )
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, _BACKOFF_MOST)

    async def _follow(self) -> None:
        parameters = psycopg.conninfo.make_conninfo(**self._parameters())
        async with asyncio.timeout(_PATIENCE_SECONDS):
            connection = await psycopg.AsyncConnection.connect(parameters, autocommit=True)
        async with connection:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                # Listening first: a change between this and the first read is read or notified, never missed.
                await connection.execute(f"{PREPARE}; LISTEN {self._channel}")
            try:
                while True:
                    async with asyncio.timeout(_PATIENCE_SECONDS):
                        await self._read(connection)
                        await self._report(connection)
                    async for _ in connection.notifies(timeout=self._poll_seconds, stop_after=1):
                        pass
            except asyncio.CancelledError:
                await self._leave(connection)
                raise

    async def _read(self, connection: psycopg.AsyncConnection[Any]) -> None:
        rows = await (await connection.execute(_QUERY)).fetchall()
        self._heard_at = self._clock()
        revision = rows[0][0] if rows else 0
        if self._table is not None and self._table.revision == revision:
            return
        table = RoutingTable.read(revision=revision, rows=[row[1:] for row in rows])
        self._table = table
        self._seen.set()
        self._presence.adopt(table.revision)
        shares = {name: f"{route.reads}/{route.writes}" for name, route in table.routes.items()}
        _logger.info("routing_changed", revision=table.revision, buckets=shares)

    async def _report(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Say which revision this worker routes by, when there is news or the time has come.

        It does already: what hinders the report hinders nothing else.
        """
        if not self._presence.due:
            return
        try:
            await self._presence.say(connection)
        except psycopg.Error as error:
            if connection.closed:
                raise
            _logger.warning("routing_report_failed", error=type(error).__name__)

    async def _leave(self, connection: psycopg.AsyncConnection[Any]) -> None:
        with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
            async with asyncio.timeout(_LEAVING_SECONDS):
                await self._presence.leave(connection)
