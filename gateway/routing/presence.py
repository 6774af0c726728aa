"""A worker's word on which revision it routes by, written into the control database for operators to see.

Times are the database's, less how long ago things were here, so that workers of several machines can be compared.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

import psycopg

HEARTBEAT_SECONDS: Final = 2.0
FORGOTTEN_SECONDS: Final = 10.0
"""Who has said nothing for so long counts as gone."""

# Nothing here is worth waiting for: not for the disk, since a lost word is said again; nor for a lock.
PREPARE: Final = "SET synchronous_commit = off; SET lock_timeout = '100ms'"

_SAY: Final = """
INSERT INTO routing_worker AS w (id, host, pid, revision, started_at, adopted_at, seen_at)
VALUES (
    %(id)s, %(host)s, %(pid)s, %(revision)s,
    clock_timestamp() - make_interval(secs => %(started_ago)s),
    clock_timestamp() - make_interval(secs => %(adopted_ago)s),
    clock_timestamp()
)
ON CONFLICT (id) DO UPDATE SET
    adopted_at = CASE WHEN w.revision = excluded.revision THEN w.adopted_at ELSE excluded.adopted_at END,
    revision = excluded.revision,
    seen_at = excluded.seen_at
"""
_PRUNE: Final = "DELETE FROM routing_worker WHERE seen_at < clock_timestamp() - make_interval(secs => %s)"
_LEAVE: Final = "DELETE FROM routing_worker WHERE id = %s"


class Presence:
    """One worker's row. Made in the worker's own process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._id = uuid.uuid4().hex
        self._clock = clock
        self._started = clock()
        self._revision: int | None = None
        self._adopted = self._started
        self._said: float | None = None

    def adopt(self, revision: int) -> None:
        """Note that the worker routes by the revision from now on: it is due to be said."""
        self._revision, self._adopted, self._said = revision, self._clock(), None

    @property
    def due(self) -> bool:
        """Whether there is something to say."""
        if self._revision is None:
            return False
        return self._said is None or self._clock() - self._said >= HEARTBEAT_SECONDS

    async def say(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Write the row, and now and then drop those of workers that are gone.

        A word that failed is due again with the next heartbeat.
        """
        now = self._clock()
        heartbeat, self._said = self._said is not None, now
        await connection.execute(
            _SAY,
            {
                "id": self._id,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "revision": self._revision,
                "started_ago": now - self._started,
                "adopted_ago": now - self._adopted,
            },
        )
        if heartbeat:
            await connection.execute(_PRUNE, [FORGOTTEN_SECONDS])

    async def leave(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Remove the row: the worker ends in good order."""
        await connection.execute(_LEAVE, [self._id])
