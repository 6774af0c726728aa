"""Changes that one side made, written at the other.

A change carries the whole row, and (epoch, seq) says which of two changes of one key is the later one. So it does no
harm to apply a change twice, or after a later one, and of several only the last is written.

    Unappliable           the other side cannot hold a row as it is; nothing was changed
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import psycopg

from services.ownership.schema import LOCK_CLASSES
from services.sync.databases import Connection
from services.sync.mapping.capabilities import Capability, Pair, Side, other
from services.sync.receiving import ALONE, APPLYING
from services.sync.tables import Table

_WHOLE_PAYLOAD: Final = json.JSONDecoder(parse_float=Decimal)
# Classes of SQLSTATE that a row is to blame for: cardinality, data, integrity, limits, and what triggers raise.
# Anything else says nothing of the row: it can be applied once the database is well again.
_ROWS_FAULT: Final = ("21", "22", "23", "54", "P0")
_REASON_MAX: Final = 500
WAITS_FOR: Final = "waits for {} {}"
"""The reason of what refers to a row that is not there yet."""

_BEGIN: Final = f"""
    SELECT {APPLYING}, set_config('lock_timeout', %(patience)s, true),
        -- Plans are made once, for few rows that are looked up in tables of any size: by their indexes, that is, also
        -- where a table is empty yet.
        set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
        set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
        -- Triggers keep states from changing as no order may; what arrives says what has become of one elsewhere.
        (
            SELECT set_config('pgtrigger.ignore', coalesce(array_agg(tgname)::text, '{{}}'), true)
            FROM pg_trigger WHERE tgrelid = ANY(%(tables)s::regclass[]) AND NOT tgisinternal
                AND tgname LIKE 'pgtrigger\\_%%'
        ),
        {ALONE}
"""  # noqa: S608
# In the order of the array, which is ascending. Until we commit no owner changes.
_OWNERS_STAY: Final = "SELECT pg_advisory_xact_lock_shared(%s, bucket) FROM unnest(%s::integer[]) AS bucket"
_OWN: Final = "SELECT bucket FROM ownership_bucket WHERE capability = %s AND bucket = ANY(%s) AND owner = 'self'"
_NOTE: Final = """
    INSERT INTO ownership_applied AS a (capability, aggregate, key, epoch, seq, deleted)
    SELECT %(capability)s, s.aggregate, s.key, s.epoch, s.seq, s.deleted
    FROM json_to_recordset(%(rows)s::json)
        AS s(aggregate text, key text, epoch bigint, seq bigint, deleted boolean)
    ON CONFLICT (capability, aggregate, key) DO UPDATE
        SET epoch = EXCLUDED.epoch, seq = EXCLUDED.seq, deleted = EXCLUDED.deleted
        WHERE (a.epoch, a.seq) < (EXCLUDED.epoch, EXCLUDED.seq)
    RETURNING seq
"""


class Unappliable(Exception):
    """The other side cannot hold a row as it is; nothing was changed. One line for people."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row of an outbox."""

    id: int
    bucket: int
    epoch: int
    aggregate: str
    root: str
    key: str
    deleted: bool
    payload: str
    """The row as JSON, in the words of the side that changed it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of changes."""

    written: int
    """How many keys were brought further; the others had come as far before."""
    refused: Sequence[Change]
    """Those of buckets that the receiver owns: it knows better."""


@dataclass(frozen=True, slots=True)
class _Arriving:
    """What the receiver is to hold of a key."""

    change: Change
    row: tuple[Any, ...]


def apply(
    receiver: Connection, *, capability: Capability, origin: Side, changes: Sequence[Change], patience: float = 0.0
) -> Applied:
    """Write what the origin changed at the other side, all of it in one transaction; Unappliable.

    With a patience, no lock is waited for longer than so many seconds.
    """
    arriving = [_Arriving(change, mapped(change, capability=capability, origin=origin)) for change in latest(changes)]
    destination = other(origin)
    try:
        with receiver.pipeline(), receiver.transaction():
            _begin(receiver, capability=capability, destination=destination, patience=patience)
            own = _own(receiver, capability=capability, changes=changes)
            taken = [one for one in arriving if one.change.bucket not in own]
            fresh = _fresh(receiver, capability=capability, arriving=taken)
            _write(receiver, capability=capability, destination=destination, arriving=fresh)
    except psycopg.Error as error:
        # What is checked at the end of a transaction is found out by its commit.
        if not (error.sqlstate or "").startswith(_ROWS_FAULT):
            raise
        raise Unappliable(_one_line(str(error))) from error
    return Applied(written=len(fresh), refused=[change for change in changes if change.bucket in own])


def latest(changes: Iterable[Change]) -> list[Change]:
    """Return the last change of each key, where the first one was. Pure."""
    found: dict[tuple[str, str], Change] = {}
    for change in changes:
        known = found.get((change.aggregate, change.key))
        if known is None or (known.epoch, known.id) < (change.epoch, change.id):
            found[change.aggregate, change.key] = change
    return list(found.values())


def mapped(change: Change, *, capability: Capability, origin: Side) -> tuple[Any, ...]:
    """Return the row that a change is at the other side; Unappliable. Pure."""
    try:
        end = _pair(capability, change.aggregate).end(origin)
        return end.mapped(end.make(end.table.row(_WHOLE_PAYLOAD.decode(change.payload))))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise Unappliable(_one_line(f"{change.aggregate} {change.key}: {type(error).__name__}: {error}")) from error


def _pair(capability: Capability, aggregate: str) -> Pair:
    for pair in capability.pairs:
        if pair.aggregate == aggregate:
            return pair
    raise LookupError("nothing of that kind is known")


def _begin(receiver: Connection, *, capability: Capability, destination: Side, patience: float) -> None:
    values = {
        "patience": str(int(1000 * patience)),
        "tables": [pair.end(destination).table.name for pair in capability.pairs],
        "capability": capability.name,
    }
    receiver.execute(_BEGIN, values)


def _own(receiver: Connection, *, capability: Capability, changes: Iterable[Change]) -> frozenset[int]:
    """This will keep the owners of these buckets as they are, and return which of them the receiver owns."""
    buckets = sorted({change.bucket for change in changes})
    receiver.execute(_OWNERS_STAY, [LOCK_CLASSES[capability.name], buckets])
    return frozenset(bucket for (bucket,) in receiver.execute(_OWN, [capability.name, buckets]))


def _fresh(receiver: Connection, *, capability: Capability, arriving: Sequence[_Arriving]) -> list[_Arriving]:
    """This will note how far each key has come, and return what brings one further."""
    rows = [
        {
            "aggregate": one.change.aggregate,
            "key": one.change.key,
            "epoch": one.change.epoch,
            "seq": one.change.id,
            "deleted": one.change.deleted,
        }
        for one in arriving
    ]
    noted = receiver.execute(_NOTE, {"capability": capability.name, "rows": json.dumps(rows)})
    seqs = {seq for (seq,) in noted}
    return [one for one in arriving if one.change.id in seqs]


def _write(receiver: Connection, *, capability: Capability, destination: Side, arriving: Sequence[_Arriving]) -> None:
    """This will delete and then write rows: what is gone may have held what must be unique."""
    for pair in reversed(capability.pairs):
        table = pair.end(destination).table
        gone = [one.row for one in arriving if one.change.aggregate == pair.aggregate and one.change.deleted]
        if gone:
            document = table.document(gone)
            for statement in _statements(table).deleting:
                receiver.execute(statement, {"rows": document})
    for pair in capability.pairs:
        table = pair.end(destination).table
        there = [one.row for one in arriving if one.change.aggregate == pair.aggregate and not one.change.deleted]
        if there:
            statements = _statements(table)
            rows = {"rows": table.document(there)}
            missing = receiver.execute(statements.missing, rows).fetchone() if statements.missing else None
            if missing:
                raise Unappliable(WAITS_FOR.format(*missing))
            receiver.execute(statements.upserting, rows)


@dataclass(frozen=True, slots=True)
class _Statements:
    deleting: Sequence[bytes]
    missing: bytes | None
    upserting: bytes


@functools.cache
def _statements(table: Table) -> _Statements:
    missing = table.missing()
    return _Statements(
        deleting=[statement.as_bytes() for statement in table.deleting()],
        missing=missing.as_bytes() if missing else None,
        upserting=table.upserting().as_bytes(),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_REASON_MAX]
