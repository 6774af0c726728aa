"""Copies one capability from one side to the other, so that the target becomes equal to the source.

The source is read in one snapshot, the target changed in one transaction: a reader of either sees all of it or nothing.
Rows stream through COPY in both databases, one at a time, and are staged in temporary tables; then the target's tables
are made equal to what was staged. Doing it again changes nothing. Writers to the target wait for the end.

    WouldEmptyError            the source holds nothing and the target something: more likely a mistake than a wish
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel
from psycopg.sql import SQL, Identifier

from services.sync.mapping.capabilities import Capability, Pair, Side, other
from services.sync.tables import Table

Connection = psycopg.Connection[tuple[Any, ...]]
Advance = Callable[[str, int], None]
"""Is told that so many more rows of a table have been copied."""

CHUNK: Final = 5000
"""Rows between two reports of progress."""

_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('techcommerce.backfill.' || %s, 0))"
# Triggers keep states from changing as no order may; a copy says what has become of it elsewhere, in one step.
_WITHOUT_STATE_MACHINES: Final = """
    SELECT set_config('pgtrigger.ignore', coalesce(array_agg(tgname)::text, '{}'), true)
    FROM pg_trigger WHERE tgrelid = ANY(%s::regclass[]) AND NOT tgisinternal AND tgname LIKE 'pgtrigger\\_%%'
"""


class WouldEmptyError(Exception):
    """Copying would leave nothing."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a backfill did."""

    rows: int
    """Read from the source."""
    changed: int
    """Inserted, changed or removed at the target."""
    seconds: float


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
    source: Connection, target: Connection, *, capability: Capability, origin: Side, advance: Advance
) -> Report:
    """Make the target's rows of the capability equal to the source's, and return what that took; WouldEmptyError.

    Both connections must be free: a transaction is begun and ended on each.
    """
    began = time.monotonic()
    destination = other(origin)
    tables = [pair.end(destination).table for pair in capability.pairs]
    source.isolation_level = IsolationLevel.REPEATABLE_READ
    source.read_only = True
    with source.transaction(), target.transaction():
        if is_empty(source, capability=capability, side=origin):
            if is_empty(target, capability=capability, side=destination):
                return Report(rows=0, changed=0, seconds=time.monotonic() - began)
            raise WouldEmptyError(f"the {origin} holds no {capability.name}; the {destination}'s are left as they are")
        target.execute(_ONE_AT_A_TIME, [capability.name])
        _keep_writers_out(target, tables)
        rows = sum(_stage(source, target, pair=pair, origin=origin, advance=advance) for pair in capability.pairs)
        changed = _equalise(target, tables)
    return Report(rows=rows, changed=changed, seconds=time.monotonic() - began)


def _keep_writers_out(target: Connection, tables: list[Table]) -> None:
    names = [Identifier(table.name) for table in tables]
    target.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(SQL(", ").join(names)))
    target.execute(_WITHOUT_STATE_MACHINES, [[name.as_string(target) for name in names]])


def _stage(source: Connection, target: Connection, *, pair: Pair, origin: Side, advance: Advance) -> int:
    """This will stage every row of one table at the target and return how many there are."""
    start, end = pair.end(origin), pair.end(other(origin))
    target.execute(end.table.creating_staging())
    kept = [index for index, column in enumerate(end.table.columns) if column.name not in end.table.source_only]
    whole = len(kept) == len(end.table.columns)
    rows = 0
    reading = SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(start.table.reading())
    writing = end.table.filling_staging() + SQL(" (FORMAT BINARY)")
    with (
        source.cursor() as here,
        target.cursor() as there,
        here.copy(reading) as outgoing,
        there.copy(writing) as incoming,
    ):
        outgoing.set_types([column.type for column in start.table.columns])
        incoming.set_types([column.type for column in end.table.staged()])
        for values in outgoing.rows():
            row = start.mapped(start.make(values))
            incoming.write_row(row if whole else [row[index] for index in kept])
            rows += 1
            if rows % CHUNK == 0:
                advance(end.table.name, CHUNK)
    advance(end.table.name, rows % CHUNK)
    # A temporary table has no statistics, and without them the joins below are planned for a handful of rows.
    target.execute(SQL("ANALYZE {}").format(end.table.staging))
    return rows


def _equalise(target: Connection, tables: list[Table]) -> int:
    """This will make the tables equal to what is staged, and return how many rows that changed."""
    changed = 0
    for table in reversed(tables):
        for statement in table.removing_dependents():
            changed += target.execute(statement).rowcount
        changed += target.execute(table.removing()).rowcount
    for table in tables:
        changed += target.execute(table.upserting()).rowcount
    return changed
