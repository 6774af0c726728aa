"""Who owns what, as the databases say it: a capability's two sides, its routing toggle and its open moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from psycopg.sql import SQL, Identifier

from services.sync.databases import GATEWAY, Connection, connect
from services.sync.errors import Refused
from services.sync.mapping.capabilities import CAPABILITIES, Side
from services.sync.records import Record, open_ones


@dataclass(frozen=True, slots=True)
class Databases:
    """Connections to the three databases that a capability's ownership is spread over."""

    gateway: Connection
    monolith: Connection
    service: Connection

    @classmethod
    def open(cls, stack: ExitStack, *, capability: str) -> Self:
        """Connect, until the stack is closed."""
        known = CAPABILITIES[capability]
        components = (GATEWAY, known.component("monolith"), known.component("service"))
        connections = [stack.enter_context(connect(component, name="sync move")) for component in components]
        return cls(*connections)

    def at(self, side: Side) -> Connection:
        return self.monolith if side == "monolith" else self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One side of a capability."""

    salt: str | None
    capturing: bool
    owners: Mapping[int, tuple[str, int]]
    """Bucket -> owner (self, peer or none) and epoch."""
    waiting: int
    """Changes that the other side has not applied yet."""
    set_aside: int
    """Of these, those that it could not apply."""

    @property
    def own(self) -> frozenset[int]:
        """The buckets that this side owns."""
        return frozenset(bucket for bucket, (owner, _) in self.owners.items() if owner == "self")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A capability, as all databases together say it is."""

    capability: str
    monolith: Holding
    service: Holding
    salt: str
    """The routing toggle's."""
    writes: int
    """How many buckets of 1,024 the routing toggle sends to the service."""
    records: Sequence[Record]
    """Open moves."""

    def at(self, side: Side) -> Holding:
        return self.monolith if side == "monolith" else self.service


def read(databases: Databases, *, capability: str) -> View:
    """Return who owns what; one moment at each database, and not the same one at all of them."""
    row = databases.gateway.execute(
        "SELECT salt, writes FROM routing_toggle WHERE capability = %s", [capability]
    ).fetchone()
    if row is None:
        raise Refused(f"the gateway has no routing toggle for {capability}: ./manage.py migrate")
    return View(
        capability=capability,
        monolith=_holding(databases.monolith, capability),
        service=_holding(databases.service, capability),
        salt=row[0],
        writes=row[1],
        # Last: what the sides show of a move that has begun is explained by its record.
        records=open_ones(databases.gateway, capability),
    )


def owned(connection: Connection, *, capability: str) -> frozenset[int]:
    """Return the buckets that a side owns."""
    rows = connection.execute(
        "SELECT bucket FROM ownership_bucket WHERE capability = %s AND owner = 'self'", [capability]
    ).fetchall()
    return frozenset(bucket for (bucket,) in rows)


def outbox(connection: Connection, *, capability: str, buckets: Sequence[int]) -> tuple[int, int]:
    """Return how many changes of these buckets the other side has not applied, and how many of them were set aside."""
    row = connection.execute(
        "SELECT count(*), count(failed_at) FROM ownership_outbox WHERE capability = %s AND bucket = ANY(%s::integer[])",
        [capability, list(buckets)],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


@dataclass(frozen=True, slots=True)
class Lag:
    """Changes that wait to be relayed."""

    rows: int
    """Counted no further than to one above the limit."""
    age: float
    """For how many seconds the oldest has waited."""


def lag(connection: Connection, *, capability: str, at_most: int) -> Lag:
    """Return how far the other side is behind, without what is held up by a change that was set aside.

    That waits for people.
    """
    row = connection.execute(
        """
        SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 FROM (
            SELECT created_at FROM ownership_outbox o
            WHERE o.capability = %(capability)s AND o.failed_at IS NULL AND NOT EXISTS (
                SELECT FROM ownership_outbox f
                WHERE f.capability = o.capability AND f.root = o.root AND f.failed_at IS NOT NULL
            )
            ORDER BY o.id LIMIT %(limit)s
        ) AS waiting
        """,
        {"capability": capability, "limit": at_most + 1},
    ).fetchone()
    return Lag(int(row[0]), float(row[1])) if row else Lag(0, 0.0)


def holds_rows(connection: Connection, *, capability: str, side: Side) -> bool:
    """Return whether a side holds any rows of a capability."""
    table = CAPABILITIES[capability].subject.end(side).table.name
    row = connection.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(Identifier(table))).fetchone()
    return row == (True,)


def _holding(connection: Connection, capability: str) -> Holding:
    known = connection.execute(
        "SELECT salt, capturing FROM ownership_capability WHERE name = %s", [capability]
    ).fetchone()
    if known is None:
        raise Refused(f"{connection.info.dbname} knows nothing of {capability}: ./manage.py migrate")
    owners = connection.execute(
        "SELECT bucket, owner, epoch FROM ownership_bucket WHERE capability = %s ORDER BY bucket", [capability]
    ).fetchall()
    depth = connection.execute(
        "SELECT count(*), count(failed_at) FROM ownership_outbox WHERE capability = %s", [capability]
    ).fetchone() or (0, 0)
    return Holding(
        salt=known[0],
        capturing=known[1],
        owners={bucket: (owner, epoch) for bucket, owner, epoch in owners},
        waiting=depth[0],
        set_aside=depth[1],
    )
