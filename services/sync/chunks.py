"""A chunk of a backfill: how it is cut and read at its origin, and how it is put in at the other side.

A chunk is a range of a table's primary keys, with all rows that belong to those: an order, its lines and its history
are read in one snapshot. Rows travel as the bytes that one database's COPY wrote for the other's; what they are at the
other side, the origin has made of them (`mapping/sql.py`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from services.sync.databases import Connection
from services.sync.mapping.capabilities import Capability, Pair, Side
from services.sync.mapping.sql import KEY, selecting
from services.sync.tables import Column, Table

Family = Sequence[Pair]
"""A table, and those whose rows belong to its rows."""

_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# Of this database's own role, or of all where the role may see them.
_ACTIVE: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND backend_type = 'client backend'
        AND pid <> pg_backend_pid() AND application_name NOT LIKE 'sync%'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows of a family on their way."""

    family: Family
    last: Any
    """The highest primary key in it."""
    data: Sequence[bytes]
    """Of each table, as COPY wrote it."""
    rows: Sequence[int]
    """Of each table."""
    seconds: float
    """What reading took."""
    active: int
    """How many others were at work at the origin."""


def families(capability: Capability) -> list[Family]:
    """Return the capability's tables, those that belong together together, in the order in which they are copied."""
    found: list[list[Pair]] = []
    for pair in capability.pairs:
        belongs_to = _belongs(pair.monolith.table)
        for family in found:
            if belongs_to and family[0].monolith.table.name == belongs_to.refers_to:
                family.append(pair)
                break
        else:
            found.append([pair])
    return list(found)


def highest(source: Connection, *, family: Family, origin: Side) -> Any:
    """Return the highest primary key there is, None in an empty table."""
    row = source.execute(
        SQL("SELECT id FROM {} ORDER BY id DESC LIMIT 1").format(Identifier(family[0].end(origin).table.name))
    ).fetchone()
    return row[0] if row else None


def read(
    source: Connection,
    *,
    capability: Capability,
    family: Family,
    origin: Side,
    after: Any,
    upto: Any,
    limit: int,
    without: Sequence[int],
) -> Chunk | None:
    """Return the next rows after a primary key (None: the first) and up to another, or None when there are no more.

    Left out are these buckets, and those that the other side owns as far as the source knows.
    """
    began = time.monotonic()
    with source.transaction():
        source.execute(_SNAPSHOT)
        last = _last(source, table=family[0].end(origin).table, after=after, upto=upto, limit=limit)
        if last is None:
            return None
        buckets = _left_out(source, capability=capability, without=without)
        data, rows = [], []
        for pair in family:
            where = _range(pair, family, origin, after=after, last=last)
            if buckets:
                where += _of_other_buckets(pair, family, origin, capability=capability, buckets=buckets)
            copied, count = _copy_out(source, selecting(pair, origin, where=where, keyed=True))
            data.append(copied)
            rows.append(count)
        seconds = time.monotonic() - began
        active = source.execute(_ACTIVE).fetchone()
    return Chunk(
        family=family, last=last, data=data, rows=rows, seconds=seconds, active=int(active[0]) if active else 0
    )


def prepare(receiver: Connection, *, capability: Capability, side: Side) -> None:
    """Make the places where a session's chunks arrive."""
    for pair in capability.pairs:
        table = pair.end(side).table
        columns = [
            SQL("{} {}").format(Identifier(column.name), SQL(column.type))
            for column in (*table.staged(), Column(KEY, "text"))
        ]
        receiver.execute(
            SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ({}) ON COMMIT DELETE ROWS").format(
                _arrivals(table), SQL(", ").join(columns)
            )
        )


def put_down(receiver: Connection, chunk: Chunk, *, side: Side) -> None:
    """Bring the chunk's rows to where they arrive, for this transaction. Nobody else sees or waits for anything."""
    for pair, data in zip(chunk.family, chunk.data, strict=True):
        arriving = SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(_arrivals(pair.end(side).table))
        with receiver.cursor() as cursor, cursor.copy(arriving) as copy:
            copy.write(data)


def put_in(receiver: Connection, chunk: Chunk, *, capability: Capability, side: Side) -> list[int]:
    """Insert what is absent and was not deleted, and return how many rows of each table that were."""
    return [receiver.execute(_inserting(pair, capability, side)).rowcount for pair in chunk.family]


def _belongs(table: Table) -> Column | None:
    """Return the column by which rows belong to another table's: the one that their own key begins with."""
    first = next(column for column in table.columns if column.name == table.key[0])
    return first if first.refers_to else None


def _last(source: Connection, *, table: Table, after: Any, upto: Any, limit: int) -> Any:
    within = SQL("id <= {}").format(Literal(upto))
    if after is not None:
        within += SQL(" AND id > {}").format(Literal(after))
    row = source.execute(
        SQL("SELECT id FROM (SELECT id FROM {} WHERE {} ORDER BY id LIMIT {}) AS r ORDER BY id DESC LIMIT 1").format(
            Identifier(table.name), within, Literal(limit)
        )
    ).fetchone()
    return row[0] if row else None


def _left_out(source: Connection, *, capability: Capability, without: Sequence[int]) -> list[int]:
    rows = source.execute(
        "SELECT bucket FROM ownership_bucket WHERE capability = %s AND owner = 'peer'", [capability.name]
    )
    return sorted({bucket for (bucket,) in rows} | set(without))


def _range(pair: Pair, family: Family, origin: Side, *, after: Any, last: Any) -> Composed:
    columns = [Identifier("t", "id")]
    belongs_to = None if pair is family[0] else _belongs(pair.end(origin).table)
    if belongs_to:
        # Said of both: from the one the planner would not conclude the other, and read all of what is referred to.
        columns = [Identifier("t", belongs_to.stored), Identifier(f"of_{belongs_to.stored}", "id")]
    conditions = [SQL("{} <= {}").format(column, Literal(last)) for column in columns]
    if after is not None:
        conditions += [SQL("{} > {}").format(column, Literal(after)) for column in columns]
    return SQL(" AND ").join(conditions)


def _of_other_buckets(
    pair: Pair, family: Family, origin: Side, *, capability: Capability, buckets: Sequence[int]
) -> Composable:
    if not capability.customer:
        return SQL(" AND false")
    belongs_to = None if pair is family[0] else _belongs(pair.end(origin).table)
    customer = Identifier(f"of_{belongs_to.stored}" if belongs_to else "t", capability.customer[origin])
    return SQL(" AND ownership_bucket_of({}, {}) <> ALL ({}::integer[])").format(
        Literal(capability.name), customer, Literal(list(buckets))
    )


def _copy_out(source: Connection, query: Composed) -> tuple[bytes, int]:
    with source.cursor() as cursor:
        with cursor.copy(SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query)) as copy:
            data = b"".join(copy)
        return data, cursor.rowcount


def _arrivals(table: Table) -> Identifier:
    return Identifier("pg_temp", f"arrivals_{table.name}")


def _inserting(pair: Pair, capability: Capability, side: Side) -> Composed:
    """Return the statement that inserts what is absent, has not been deleted, and finds what it refers to.

    What does not find that yet was itself written after this side began to be told of changes: it is on its way.

    Everything is looked up row by row, by an index. A join would be planned by what the planner knows of tables that
    grow while it is asked, and would read them from end to end for every chunk.
    """
    table = pair.end(side).table
    columns = list(table.staged())
    joins: list[Composable] = []
    conditions: list[Composable] = [
        SQL(
            "(SELECT a.deleted FROM ownership_applied AS a WHERE a.capability = {} AND a.aggregate = {}"
            " AND a.key = s.{}) IS NOT TRUE"
        ).format(Literal(capability.name), Literal(pair.aggregate), Identifier(KEY))
    ]
    values = []
    for column in columns:
        here, there = Identifier("s", column.name), f"of_{column.name}"
        if column.refers_to:
            joins.append(
                SQL(" LEFT JOIN LATERAL (SELECT id FROM {} AS f WHERE f.{} = {} LIMIT 1) AS {} ON true").format(
                    Identifier(column.refers_to), Identifier(column.its), here, Identifier(there)
                )
            )
            conditions.append(SQL("({} IS NULL OR {} IS NOT NULL)").format(here, Identifier(there, "id")))
        values.append(Identifier(there, "id") if column.refers_to else here)
    for name, of, its in table.needs:
        conditions.append(
            SQL("(SELECT true FROM {} AS n WHERE n.{} = s.{} LIMIT 1)").format(
                Identifier(of), Identifier(its), Identifier(name)
            )
        )
    return SQL("INSERT INTO {} ({}) SELECT {} FROM {} AS s{} WHERE {} ON CONFLICT DO NOTHING").format(
        Identifier(table.name),
        SQL(", ").join(Identifier(column.stored) for column in columns),
        SQL(", ").join(values),
        _arrivals(table),
        Composed(joins),
        SQL(" AND ").join(conditions),
    )
