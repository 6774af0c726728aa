"""Makes rows that differ between the sides the same again, by what their owner has.

What the owner has is touched, an update that changes nothing: its triggers record it, and the relay carries the row
over. What only the other side has is deleted there, after a last look at the owner. Nothing else is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import IsolationLevel
from psycopg.sql import SQL, Identifier

from services.ownership.schema import LOCK_CLASSES, NOT_OWNED
from services.sync import canonical
from services.sync.databases import Connection, connect
from services.sync.looks import pending_at
from services.sync.mapping.capabilities import CAPABILITIES, Capability, Side, other
from services.sync.mapping.sql import reading
from services.sync.outcome import Difference, Outcome
from services.sync.receiving import ALONE, APPLYING

_PATIENCE: Final = "SELECT set_config('lock_timeout', '5s', false)"
_ALONE: Final = f"SELECT {APPLYING}, {ALONE}"
_OWNERS_STAY: Final = """
    SELECT pg_advisory_xact_lock_shared(%s, bucket)
    FROM (SELECT bucket FROM ownership_bucket WHERE capability = %s AND bucket = %s) AS b
"""


@dataclass(slots=True)
class Repaired:
    """What was done."""

    touched: list[Difference] = field(default_factory=list)
    """At their owner."""
    deleted: list[Difference] = field(default_factory=list)
    """At the side that does not own them."""
    left: list[tuple[Difference, str]] = field(default_factory=list)
    """What could not be repaired, and why."""


class _Left(Exception):
    """A row is not as it was when it was compared."""


def repair(outcome: Outcome) -> Repaired:
    """Make the rows that were found to differ the same, and return what was done."""
    capability = CAPABILITIES[outcome.capability]
    done = Repaired()
    with ExitStack() as stack:
        at: dict[Side, Connection] = {}
        sides: tuple[Side, ...] = ("monolith", "service")
        for side in sides:
            at[side] = stack.enter_context(connect(capability.component(side), name="sync reconcile"))
            at[side].isolation_level = IsolationLevel.READ_COMMITTED
            at[side].execute(_PATIENCE)
        # What refers to a row goes before it, and comes after it.
        for difference in reversed(outcome.found):
            if difference.kind == "extra":
                _try(done, done.deleted, difference, lambda one: _delete(at, capability, one))
        for difference in outcome.found:
            if difference.kind != "extra":
                _try(done, done.touched, difference, lambda one: _touch(at, one))
    return done


def _try(done: Repaired, repaired: list[Difference], difference: Difference, act: Callable[[Difference], None]) -> None:
    try:
        act(difference)
    except (psycopg.DatabaseError, _Left) as error:
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            raise
        moved = isinstance(error, psycopg.Error) and error.sqlstate == NOT_OWNED
        done.left.append((difference, "it has moved" if moved else str(error).strip().partition("\n")[0]))
    else:
        repaired.append(difference)


def _touch(at: dict[Side, Connection], difference: Difference) -> None:
    if difference.owner is None:
        raise _Left("nobody owns it, or it seems to be owned twice")
    table = difference.pair.end(difference.owner).table
    # By one statement each: no lock is held while another is waited for.
    statement = SQL("UPDATE {} SET id = id WHERE id IN (SELECT r.id FROM ({}) AS r WHERE {})").format(
        Identifier(table.name),
        reading(table),
        SQL(" AND ").join(SQL("r.{} = %s").format(Identifier(name)) for name in table.key),
    )
    if not at[difference.owner].execute(statement, json.loads(difference.keys[difference.owner])).rowcount:
        raise _Left("it has gone")


def _delete(at: dict[Side, Connection], capability: Capability, difference: Difference) -> None:
    if difference.owner is None:
        raise _Left("nobody owns it, or it seems to be owned twice")
    owner, side = difference.owner, other(difference.owner)
    table = difference.pair.end(side).table
    with at[side].transaction():
        at[side].execute(_ALONE, {"capability": capability.name})
        bucket = _bucket(at[side], capability, difference, side)
        if bucket is None:
            raise _Left("it has gone")
        at[side].execute(_OWNERS_STAY, [LOCK_CLASSES[capability.name], capability.name, bucket])
        if _owner(at[side], capability, bucket) == "self" or _owner(at[owner], capability, bucket) != "self":
            raise _Left("it has moved")
        if any(_is_under_way(at[one], capability, difference, one) for one in (owner, side)):
            raise _Left("it is changing")
        if _bucket(at[owner], capability, difference, owner) is not None:
            raise _Left("its owner has it by now")
        key = dict(zip(table.key, json.loads(difference.keys[side]), strict=True))
        for statement in table.deleting():
            at[side].execute(statement, {"rows": json.dumps([key])})


def _bucket(connection: Connection, capability: Capability, difference: Difference, side: Side) -> int | None:
    """This will return the bucket of the row; None where there is no such row."""
    keys: Sequence[str] = [difference.keys["service"]]
    row = connection.execute(canonical.looking_up(difference.pair, side, capability=capability, keys=keys)).fetchone()
    return None if row is None else int(row[-1])


def _owner(connection: Connection, capability: Capability, bucket: int) -> str | None:
    row = connection.execute(
        "SELECT owner FROM ownership_bucket WHERE capability = %s AND bucket = %s", [capability.name, bucket]
    ).fetchone()
    return row[0] if row else None


def _is_under_way(connection: Connection, capability: Capability, difference: Difference, side: Side) -> bool:
    keys = [(difference.pair.aggregate, difference.keys[side])]
    return bool(pending_at(connection, capability=capability, keys=keys))
