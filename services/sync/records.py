"""The durable record of each move of ownership, in the gateway's database: where it is decided, and how far it is.

    intended → armed → fenced → drained → decided → owned → done
        └────────┴────────┴────────┴───→ reopening → abandoned

Up to `drained` a move can be given up: first the record says `reopening`, and only then does the source own again, so
that whoever was about to decide cannot any more. From `decided` on it can only be finished. Every transition names the
state that it starts from: of two who act on one record, the second changes nothing and is told so.

    Overtaken             somebody else has taken the move further, or has given it up
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from psycopg.errors import UniqueViolation

from services.sync.databases import Connection
from services.sync.errors import Refused
from services.sync.mapping.capabilities import Side

State = Literal["intended", "armed", "fenced", "drained", "decided", "owned", "done", "reopening", "abandoned"]

CLOSED: Final[frozenset[State]] = frozenset({"done", "abandoned"})
UNDECIDED: Final[frozenset[State]] = frozenset({"intended", "armed", "fenced", "drained"})
_FORWARD: Final[tuple[State, ...]] = ("intended", "armed", "fenced", "drained", "decided", "owned", "done")
_REASON_MAX: Final = 500


class Overtaken(Exception):
    """Somebody else has taken the move further, or has given it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A move as it was last seen."""

    id: int
    capability: str
    buckets: Sequence[int]
    source: Side
    target: Side
    epoch: int
    """With which the target is to own; the source, should it own again, does so with the one after."""
    state: State
    by: str
    reason: str

    @property
    def open(self) -> bool:
        return self.state not in CLOSED


_COLUMNS: Final = "id, capability, buckets, source, target, epoch, state, by_whom, reason"


def begin(
    gateway: Connection,
    *,
    capability: str,
    buckets: Sequence[int],
    source: Side,
    target: Side,
    epoch: int,
    by: str,
    reason: str,
) -> Record:
    """Record the intent of a move; Refused while another one of the capability is open."""
    try:
        row = gateway.execute(
            "INSERT INTO migration_cutover"
            " (capability, buckets, source, target, epoch, state, started_at, changed_at, by_whom, reason)"
            " VALUES (%s, %s, %s, %s, %s, 'intended', clock_timestamp(), clock_timestamp(), %s, %s) RETURNING id",
            [capability, list(buckets), source, target, epoch, by, reason[:_REASON_MAX]],
        ).fetchone()
    except UniqueViolation:
        raise Refused(f"another move of {capability} is open: ./manage.py migration doctor") from None
    return Record(
        id=row[0] if row else 0,
        capability=capability,
        buckets=buckets,
        source=source,
        target=target,
        epoch=epoch,
        state="intended",
        by=by,
        reason=reason,
    )


def advance(gateway: Connection, record: Record, *, pause_ms: float | None = None) -> Record:
    """Take a record to the next state on its way forward; Overtaken when it was not where it was last seen."""
    return _change(gateway, record, to=_FORWARD[_FORWARD.index(record.state) + 1], pause_ms=pause_ms)


def give_up(gateway: Connection, record: Record, *, reason: str) -> Record:
    """Take a record that is not decided to `reopening`: nobody can decide it after that."""
    return _change(gateway, record, to="reopening", reason=reason)


def abandon(gateway: Connection, record: Record) -> Record:
    """Close a record whose source owns again."""
    return _change(gateway, record, to="abandoned")


def again(gateway: Connection, record: Record) -> Record:
    """Return the record as it is now."""
    row = gateway.execute(
        f"SELECT {_COLUMNS} FROM migration_cutover WHERE id = %s",  # noqa: S608
        [record.id],
    ).fetchone()
    if row is None:
        raise Overtaken(f"the record of move {record.id} has gone")
    return _record(row)


def open_ones(gateway: Connection, capability: str) -> list[Record]:
    """Return the records of moves that have neither been finished nor given up."""
    rows = gateway.execute(
        f"SELECT {_COLUMNS} FROM migration_cutover"  # noqa: S608
        " WHERE capability = %s AND state NOT IN ('done', 'abandoned') ORDER BY id",
        [capability],
    ).fetchall()
    return [_record(row) for row in rows]


def _change(
    gateway: Connection, record: Record, *, to: State, pause_ms: float | None = None, reason: str | None = None
) -> Record:
    changed = gateway.execute(
        "UPDATE migration_cutover SET state = %(to)s, changed_at = clock_timestamp(),"
        " pause_ms = coalesce(%(pause)s, pause_ms), reason = coalesce(%(reason)s, reason)"
        " WHERE id = %(id)s AND state = %(from)s",
        {
            "to": to,
            "pause": pause_ms,
            "reason": None if reason is None else reason[:_REASON_MAX],
            "id": record.id,
            "from": record.state,
        },
    ).rowcount
    if changed != 1:
        raise Overtaken(f"somebody else has settled move {record.id}, which was {record.state}")
    return replace(record, state=to, reason=record.reason if reason is None else reason)


def _record(row: tuple[object, ...]) -> Record:
    values = dict(
        zip(
            ("id", "capability", "buckets", "source", "target", "epoch", "state", "by", "reason"),
            row,
            strict=True,
        )
    )
    return Record(**values)  # type: ignore[arg-type]
