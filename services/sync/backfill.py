"""Copies a capability's rows from the side that owns them to the other, while both are in use.

A chunk inserts only what is absent at the other side and was not deleted; the relay, which is told of every change
since before the first chunk was read, updates. The two commute, so no chunk has to be of a certain moment: whatever it
read too early the relay brings later, and what the relay has brought it does not touch. For the same reason the next
chunk can be read while one is put in, and a backfill that died is simply run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import IsolationLevel
from psycopg.sql import SQL, Identifier

from services.ownership.schema import BUCKETS, LOCK_CLASSES
from services.sync import chunks
from services.sync.apply import WAITS_FOR
from services.sync.chunks import Chunk, Family
from services.sync.databases import Connection, connect, leading
from services.sync.errors import Refused
from services.sync.mapping.capabilities import Capability, Side, other
from services.sync.owners import owned
from services.sync.pace import Pace
from services.sync.receiving import ALONE, APPLYING
from services.sync.relay import Relay

Advance = Callable[[str, int], None]
"""Is told that so many more rows of a table have been copied."""

CHUNK: Final = 2000
"""Rows of a chunk's first table. Put in within a few hundred milliseconds: so long the relay waits for its turn."""

DRAIN_SECONDS: Final = 30.0
"""After so long without a change that was relayed, nothing more is expected."""
_LOOK_SECONDS: Final = 0.02

_APPLYING: Final = f"SELECT {APPLYING}"
_ALONE: Final = f"SELECT {ALONE}"
# All of the capability's buckets, in the order in which everybody takes them: no owner changes until this commits.
_OWNERS_STAY: Final = """
    SELECT pg_advisory_xact_lock_shared(%s, bucket)
    FROM (SELECT bucket FROM ownership_bucket WHERE capability = %s ORDER BY bucket) AS b
"""
# Epochs only rise: while the sum is the same, no bucket has come or gone.
_STANDING: Final = """
    SELECT coalesce(sum(epoch), 0)::bigint, coalesce(array_agg(bucket) FILTER (WHERE owner = 'self'), '{}')
    FROM ownership_bucket WHERE capability = %s
"""

_OLDEST: Final = """
    SELECT id FROM ownership_outbox AS o
    WHERE capability = %(capability)s AND id <= %(mark)s AND NOT EXISTS (
        SELECT FROM ownership_outbox AS f
        WHERE f.capability = o.capability AND f.root = o.root AND f.failed_at IS NOT NULL
            AND f.reason NOT LIKE %(retried)s
    )
    ORDER BY id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the receiver owns itself; a chunk is good for as long as that is as it was before the chunk was read."""

    epochs: int
    own: tuple[int, ...]


@dataclass(slots=True)
class Report:
    """What a backfill did, by the receiver's tables."""

    rows: dict[str, int] = field(default_factory=dict)
    """Read from the source."""
    new: dict[str, int] = field(default_factory=dict)
    """Inserted at the receiver."""
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        return sum(self.rows.values()) / self.seconds if self.seconds else 0.0


def origin_of(service: Connection, *, capability: Capability) -> Side:
    """Return the side to copy from: the monolith, unless the service owns everything."""
    return "service" if len(owned(service, capability=capability.name)) == BUCKETS[capability.name] else "monolith"


def is_empty(connection: Connection, *, capability: Capability, side: Side) -> bool:
    """Tell whether that side holds nothing of the capability yet."""
    table = capability.subject.end(side).table
    row = connection.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(Identifier(table.name))).fetchone()
    return row == (False,)


def count(connection: Connection, *, capability: Capability, side: Side) -> int:
    """Return about how many rows that side holds, as the planner knows it."""
    tables = [pair.end(side).table.name for pair in capability.pairs]
    row = connection.execute(
        "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class WHERE oid = ANY(%s::regclass[])",
        [[Identifier(name).as_string(connection) for name in tables]],
    ).fetchone()
    return int(row[0]) if row else 0


def backfill(
    source: Connection,
    receiver: Connection,
    *,
    capability: Capability,
    origin: Side,
    pace: Pace,
    advance: Advance,
    chunk: int = CHUNK,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Insert at the receiver what is absent there of the rows that the source owns, and return what that took.

    The capability must be armed. Both connections must be free, and stay this function's until it returns.
    """
    began = time.monotonic()
    receiver.isolation_level = IsolationLevel.READ_COMMITTED
    chunks.prepare(receiver, capability=capability, side=other(origin))
    report = Report()
    for family in chunks.families(capability):
        names = [pair.end(other(origin)).table.name for pair in family]
        report.rows.update(dict.fromkeys(names, 0))
        report.new.update(dict.fromkeys(names, 0))
        for read, new in _copied(source, receiver, capability=capability, family=family, origin=origin, limit=chunk):
            for name, rows, inserted in zip(names, read.rows, new, strict=True):
                report.rows[name] += rows
                report.new[name] += inserted
                advance(name, rows)
            elapsed = time.monotonic() - began
            if pause := pace.pause(rows=sum(read.rows), seconds=read.seconds, active=read.active, elapsed=elapsed):
                sleep(pause)
    report.seconds = time.monotonic() - began
    return report


def _copied(
    source: Connection, receiver: Connection, *, capability: Capability, family: Family, origin: Side, limit: int
) -> Iterator[tuple[Chunk, list[int]]]:
    """This will copy a family chunk by chunk, and yield each with how many rows of it were new."""
    standing = _standing(receiver, capability)
    # Whatever comes after it was written after recording had begun, and is the relay's to bring.
    upto = chunks.highest(source, family=family, origin=origin)
    done: Any = None
    # One thread reads the next chunk while this one puts the last one in.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="backfill") as reader:

        def reading(after: Any) -> Future[Chunk | None]:
            if len(standing.own) == BUCKETS[capability.name]:
                raise Refused(f"{capability.name} has moved to the {other(origin)} meanwhile")
            return reader.submit(
                chunks.read,
                source,
                capability=capability,
                family=family,
                origin=origin,
                after=after,
                upto=upto,
                limit=limit,
                without=standing.own,
            )

        coming = reading(None)
        while (chunk := coming.result()) is not None:
            coming = reading(chunk.last)
            new = _put(receiver, chunk, capability=capability, side=other(origin), standing=standing)
            if new is None:
                coming.result()
                standing = _standing(receiver, capability)
                coming = reading(done)
            else:
                done = chunk.last
                yield chunk, new


def _put(
    receiver: Connection, chunk: Chunk, *, capability: Capability, side: Side, standing: Standing
) -> list[int] | None:
    """This will insert a chunk; None, and nothing is changed, when owners have changed since it was read."""
    with receiver.transaction():
        chunks.put_down(receiver, chunk, side=side)
        receiver.execute(_ALONE, {"capability": capability.name})
        receiver.execute(_OWNERS_STAY, [LOCK_CLASSES[capability.name], capability.name])
        if _standing(receiver, capability) == standing:
            receiver.execute(_APPLYING)
            return chunks.put_in(receiver, chunk, capability=capability, side=side)
    return None


def _standing(receiver: Connection, capability: Capability) -> Standing:
    row = receiver.execute(_STANDING, [capability.name]).fetchone()
    return Standing(row[0], tuple(row[1])) if row else Standing(0, ())


def drain(*, capability: Capability, origin: Side, seconds: float = DRAIN_SECONDS) -> bool:
    """Wait until all changes recorded at the origin up to now have been relayed; False when that gets no further.

    Relays them itself where nobody else does. What people have to look at is not waited for: changes that could not be
    applied, and those that they hold up.
    """
    with (
        connect(capability.component(origin)) as sender,
        connect(capability.component(other(origin))) as receiver,
    ):
        relay = Relay(capability=capability, origin=origin, sender=sender, receiver=receiver)
        mark = sender.execute(
            "SELECT coalesce(max(id), 0) FROM ownership_outbox WHERE capability = %s", [capability.name]
        ).fetchone()
        asked = {"capability": capability.name, "mark": mark[0] if mark else 0, "retried": WAITS_FOR.format("%", "%")}
        oldest, deadline = None, time.monotonic() + seconds
        while (row := sender.execute(_OLDEST, asked).fetchone()) is not None:
            now = time.monotonic()
            if row != oldest:
                oldest, deadline = row, now + seconds
            elif now > deadline:
                return False
            else:
                time.sleep(_LOOK_SECONDS)
            # Led for one step at a time: a relay that is started meanwhile can take over.
            with leading(sender, f"relay.{capability.name}.{origin}") as mine:
                if mine:
                    relay.step()
    return True
