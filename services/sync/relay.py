"""One direction of one capability: takes what one side has changed from its outbox, and has it applied at the other.

A change is deleted from the outbox once it is committed at the receiver: whatever dies in between is done again. Of
one key the visible changes are always a prefix, so the outbox is read from its beginning, with no memory of where one
was: a position would pass by those who drew a lower id and commit later.

What cannot be applied is set aside: it stays in the outbox with a reason, and with it waits whatever belongs to the
same order or product. All others go on.

    NotDrained            the outbox still holds changes that were waited for
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from services.sync.apply import WAITS_FOR, Change, Unappliable, apply
from services.sync.databases import Connection
from services.sync.mapping.capabilities import Capability, Side

LIMIT: Final = 1000
"""Changes of a step, and as many more as their transactions made."""
_TRANSACTION_MAX: Final = 5
"""How many times the limit a step may reach in order to keep a transaction in one piece."""
_RETRY_SECONDS: Final = 1.0
"""Between two attempts at what waits for a row that is not there yet."""

# Up to an id, and not the rows of some transactions: what a row refers to was visible before it was written, and so
# has a lower id.
_READ: Final = """
    WITH blocked AS MATERIALIZED (
        SELECT DISTINCT root FROM ownership_outbox WHERE capability = %(capability)s AND failed_at IS NOT NULL
    ), first AS MATERIALIZED (
        SELECT transaction FROM ownership_outbox
        WHERE capability = %(capability)s AND failed_at IS NULL AND root NOT IN (SELECT root FROM blocked)
            AND (%(buckets)s::int[] IS NULL OR bucket = ANY(%(buckets)s))
        ORDER BY id LIMIT %(limit)s
    )
    SELECT id, bucket, epoch, aggregate, root, key, op = 'D', payload::text,
        extract(epoch FROM clock_timestamp() - created_at)::float
    FROM ownership_outbox
    WHERE id <= (SELECT max(id) FROM ownership_outbox WHERE transaction IN (SELECT transaction FROM first))
        AND capability = %(capability)s AND failed_at IS NULL AND root NOT IN (SELECT root FROM blocked)
        AND (%(buckets)s::int[] IS NULL OR bucket = ANY(%(buckets)s))
    ORDER BY id LIMIT %(most)s
"""
_FORGET: Final = "DELETE FROM ownership_outbox WHERE id = ANY(%s)"
_SET_ASIDE: Final = "UPDATE ownership_outbox SET failed_at = clock_timestamp(), reason = %s WHERE id = ANY(%s)"
_RETRY: Final = """
    UPDATE ownership_outbox SET failed_at = NULL, reason = ''
    WHERE capability = %(capability)s AND failed_at IS NOT NULL AND (%(roots)s::text[] IS NULL OR root = ANY(%(roots)s))
"""
_RETRY_WAITING: Final = """
    UPDATE ownership_outbox SET failed_at = NULL, reason = ''
    WHERE capability = %s AND failed_at IS NOT NULL AND reason LIKE %s
"""
_HOLDS: Final = """
    SELECT count(*), count(failed_at) FROM ownership_outbox WHERE capability = %s AND bucket = ANY(%s)
"""
_DEPTH: Final = """
    SELECT count(*) FILTER (WHERE failed_at IS NULL), count(failed_at),
        coalesce(extract(epoch FROM clock_timestamp() - min(created_at))::float, 0)
    FROM ownership_outbox WHERE capability = %s
"""


class NotDrained(Exception):
    """The outbox still holds changes that were waited for. One line for people."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a relay did once."""

    read: int
    """Changes taken from the outbox; none when there is nothing to do."""
    applied: int
    """Keys that were brought further at the receiver."""
    set_aside: int
    """Changes that could not be applied."""
    age: float
    """Seconds that the oldest change read had waited by then."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How much an outbox holds."""

    waiting: int
    """Changes that are to be relayed, those behind one that was set aside included."""
    set_aside: int
    age: float
    """Seconds that the oldest of all has been there."""


class Relay:
    """Carries changes from the origin's outbox to the other side; both connections are in autocommit and its own.

    Two that carry the same do no harm, and waste their time. When a connection is lost, its error is raised and nothing
    else has happened: make a new one.
    """

    def __init__(self, *, capability: Capability, origin: Side, sender: Connection, receiver: Connection) -> None:
        self._capability = capability
        self._origin = origin
        self._sender = sender
        self._receiver = receiver
        self._retried = time.monotonic()

    def step(self, limit: int = LIMIT) -> Step:
        """Relay the first changes of the outbox, about as many as the limit says, in whole transactions if possible."""
        if time.monotonic() - self._retried >= _RETRY_SECONDS:
            self._sender.execute(_RETRY_WAITING, [self._capability.name, WAITS_FOR.format("%", "%")])
            self._retried = time.monotonic()
        return self._step(limit=limit, buckets=None)

    def drain(self, buckets: Collection[int], deadline: float) -> None:
        """Relay changes of these buckets until the outbox holds none; NotDrained.

        The deadline is one of `time.monotonic`. Whoever writes to these buckets must have been locked out before.
        """
        wanted = sorted(buckets)
        while True:
            held, set_aside = self._holds(wanted)
            if not held:
                return
            if set_aside:
                raise NotDrained(f"{set_aside} changes could not be applied and are set aside")
            patience = deadline - time.monotonic()
            if patience <= 0:
                raise NotDrained(f"{held} changes are still to be applied")
            self._step(limit=LIMIT, buckets=wanted, patience=patience)

    def _holds(self, buckets: Sequence[int]) -> tuple[int, int]:
        row = self._sender.execute(_HOLDS, [self._capability.name, buckets]).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def _step(self, *, limit: int, buckets: Sequence[int] | None, patience: float = 0.0) -> Step:
        values = {
            "capability": self._capability.name,
            "buckets": buckets,
            "limit": limit,
            "most": limit * _TRANSACTION_MAX,
        }
        rows = self._sender.execute(_READ, values).fetchall()
        if not rows:
            return Step(read=0, applied=0, set_aside=0, age=0.0)
        changes = [Change(*row[:-1]) for row in rows]
        applied, set_aside = self._carry(changes, patience=patience)
        return Step(read=len(changes), applied=applied, set_aside=set_aside, age=rows[0][-1])

    def _carry(self, changes: Sequence[Change], *, patience: float) -> tuple[int, int]:
        """This will apply changes and return how many keys that brought further and how many changes were set aside.

        When they cannot be applied together, each half is tried by itself, down to the roots that cannot.
        """
        try:
            applied = apply(
                self._receiver,
                capability=self._capability,
                origin=self._origin,
                changes=changes,
                patience=patience,
            )
        except Unappliable as error:
            roots = list(dict.fromkeys(change.root for change in changes))
            if len(roots) == 1:
                self._set_aside(changes, reason=str(error))
                return 0, len(changes)
            first = set(roots[: len(roots) // 2])
            halves = (
                [change for change in changes if change.root in first],
                [change for change in changes if change.root not in first],
            )
            done = [self._carry(half, patience=patience) for half in halves]
            return sum(written for written, _ in done), sum(count for _, count in done)
        if applied.refused:
            self._set_aside(applied.refused, reason="this side owns it")
        refused = {change.id for change in applied.refused}
        self._forget([change.id for change in changes if change.id not in refused])
        return applied.written, len(refused)

    def _forget(self, ids: Sequence[int]) -> None:
        """This will delete changes that the receiver has committed."""
        self._sender.execute(_FORGET, [ids])

    def _set_aside(self, changes: Sequence[Change], *, reason: str) -> None:
        self._sender.execute(_SET_ASIDE, [reason, [change.id for change in changes]])


def retry(sender: Connection, capability: Capability, roots: Collection[str] | None = None) -> int:
    """Let changes that were set aside be relayed again, all or those of some roots, and return how many there are."""
    values = {"capability": capability.name, "roots": None if roots is None else list(roots)}
    return sender.execute(_RETRY, values).rowcount


def depth(connection: Connection, capability: Capability) -> Depth:
    """Return how much a side's outbox holds."""
    row = connection.execute(_DEPTH, [capability.name]).fetchone()
    return Depth(*row) if row else Depth(0, 0, 0.0)
