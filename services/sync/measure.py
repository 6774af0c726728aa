"""What the databases say of the mover's work, read without touching any of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.chassis.locks import lock_key
from services.sync.databases import Connection
from services.sync.mapping.capabilities import CAPABILITIES
from services.sync.owners import lag
from services.sync.pulse import Measured
from services.sync.relay import depth

PAUSE_BUCKETS: Final = (0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds, in seconds, of how long nobody owned a bucket."""

_SIDE: Final = """
    SELECT capturing, (SELECT count(*) FROM ownership_bucket WHERE capability = name AND owner = 'self')
    FROM ownership_capability WHERE name = %s
"""
# A lock of 64 bits is shown in two halves; the name's number fills the lower one only.
_HOLDER: Final = """
    SELECT coalesce(nullif(a.application_name, ''), 'somebody')
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = %s::bigint::oid AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    LIMIT 1
"""
_SET_ASIDE: Final = """
    SELECT root, min(failed_at), (array_agg(reason ORDER BY id))[1], count(*)
    FROM ownership_outbox WHERE capability = %s AND failed_at IS NOT NULL
    GROUP BY root ORDER BY min(failed_at) LIMIT %s
"""
_RECONCILED: Final = """
    SELECT DISTINCT ON (capability) capability, finished_at, rows, differences
    FROM migration_reconciliation WHERE finished_at IS NOT NULL ORDER BY capability, finished_at DESC
"""
_MOVES: Final = """
    SELECT capability, target, state, count(*) FROM migration_cutover
    WHERE state IN ('done', 'abandoned') GROUP BY capability, target, state
"""
_PAUSES: Final = """
    SELECT capability, width_bucket(pause_ms / 1000, %s::float8[]), count(*), sum(pause_ms / 1000)
    FROM migration_cutover WHERE state = 'done' AND pause_ms IS NOT NULL GROUP BY 1, 2
"""
_OPEN: Final = """
    SELECT capability, max(extract(epoch FROM clock_timestamp() - started_at))::float8
    FROM migration_cutover WHERE state NOT IN ('done', 'abandoned') GROUP BY capability
"""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A root of which a change could not be applied."""

    root: str
    since: datetime
    reason: str
    changes: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The last comparison of a capability's two sides."""

    at: datetime
    rows: int
    differences: int


@dataclass(frozen=True, slots=True)
class Pauses:
    """For how long nobody owned what was moved, over all moves."""

    counts: Sequence[int]
    """By `PAUSE_BUCKETS`, and one more for what is above."""
    total: float


@dataclass(frozen=True, slots=True)
class Control:
    """What the control plane's database knows."""

    reconciled: Mapping[str, Reconciled] = field(default_factory=dict)
    """By capability, as all of what follows."""
    moves: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """(capability, target, done or abandoned) -> how many."""
    pauses: Mapping[str, Pauses] = field(default_factory=dict)
    open_seconds: Mapping[str, float] = field(default_factory=dict)
    """For how long the move that is open has been so."""


def measure(connection: Connection, *, capability: str) -> Measured:
    """Return how the side whose database this is stands."""
    known = connection.execute(_SIDE, [capability]).fetchone()
    capturing, own = known or (False, 0)
    outbox = depth(connection, CAPABILITIES[capability])
    age = lag(connection, capability=capability, at_most=0).age if outbox.waiting else 0.0
    return Measured(capturing=capturing, own=own, waiting=outbox.waiting, set_aside=outbox.set_aside, lag=max(0.0, age))


def holder(connection: Connection, name: str) -> str | None:
    """Return what the session that leads under a name calls itself; None when nobody leads."""
    row = connection.execute(_HOLDER, [lock_key(name)]).fetchone()
    return row[0] if row else None


def set_aside(connection: Connection, *, capability: str, limit: int) -> list[SetAside]:
    """Return the first roots of which changes were set aside."""
    return [SetAside(*row) for row in connection.execute(_SET_ASIDE, [capability, limit]).fetchall()]


def control(gateway: Connection) -> Control:
    """Return what the control plane's database knows of the mover's work."""
    counts = {name: [0] * (len(PAUSE_BUCKETS) + 1) for name in CAPABILITIES}
    totals = dict.fromkeys(CAPABILITIES, 0.0)
    for capability, index, times, seconds in gateway.execute(_PAUSES, [list(PAUSE_BUCKETS)]).fetchall():
        counts[capability][index] = times
        totals[capability] += seconds
    return Control(
        reconciled={row[0]: Reconciled(*row[1:]) for row in gateway.execute(_RECONCILED).fetchall()},
        moves={(row[0], row[1], row[2]): row[3] for row in gateway.execute(_MOVES).fetchall()},
        pauses={name: Pauses(counts[name], totals[name]) for name in CAPABILITIES},
        open_seconds={row[0]: row[1] for row in gateway.execute(_OPEN).fetchall()},
    )
