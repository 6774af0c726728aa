"""The four changes of owners that a move consists of, each one transaction in one database, each safe to do again.

    fence     the source stops owning: nobody does           owner self, epoch < E   →  none, E
    own       the target begins to                           owner peer, epoch < E   →  self, E
    release   the source knows that the other side does      owner none, epoch = E   →  peer, E
    reopen    the source owns again, nobody else ever did    none, E or self, < E    →  self, E + 1

Each names the epoch that it starts from, and epochs only rise. So whoever comes late, having slept since before
others finished or undid the move, finds nothing to change. `reopen` raises the epoch even where no fence was put up:
that is what a fence that comes late runs into.

    BusyError             writers held the buckets for longer than others should wait behind us
"""

from __future__ import annotations

import time
from typing import Final

from psycopg.errors import LockNotAvailable, QueryCanceled

from services.ownership.schema import LOCK_CLASSES
from services.sync.databases import Connection
from services.sync.errors import Refused
from services.sync.mapping.capabilities import Side
from services.sync.records import Overtaken, Record

FENCE_MS: Final = 80
"""For how long writers may have to queue behind one attempt to put up a fence."""
OWN_MS: Final = 1000
"""The same at the target, where nobody can write yet: only rows that are being applied are waited for."""
_FROZEN_MS: Final = 500
"""After so long without a word from us, the database ends the transaction that writers wait for."""

_PATIENCE: Final = """
    SELECT set_config('lock_timeout', %(ms)s, true), set_config('statement_timeout', %(ms)s, true),
        set_config('idle_in_transaction_session_timeout', %(frozen)s, true)
"""
# Locks are granted in the order of the array, which is ascending.
_LOCK: Final = "SELECT pg_advisory_xact_lock(%s, bucket) FROM unnest(%s::integer[]) AS bucket"
_FENCE: Final = """
    UPDATE ownership_bucket b SET owner = 'none', epoch = %(epoch)s FROM ownership_capability c
    WHERE b.capability = %(capability)s AND b.bucket = ANY(%(buckets)s::integer[])
        AND b.owner = 'self' AND b.epoch < %(epoch)s
        AND c.name = b.capability AND c.capturing
"""
_OWN: Final = """
    UPDATE ownership_bucket SET owner = 'self', epoch = %(epoch)s
    WHERE capability = %(capability)s AND bucket = ANY(%(buckets)s::integer[]) AND owner = 'peer' AND epoch < %(epoch)s
"""
_BEHIND: Final = """
    SELECT count(*) FROM ownership_bucket
    WHERE capability = %(capability)s AND bucket = ANY(%(buckets)s::integer[]) AND epoch < %(epoch)s
"""
_RELEASE: Final = """
    UPDATE ownership_bucket SET owner = 'peer'
    WHERE capability = %(capability)s AND bucket = ANY(%(buckets)s::integer[]) AND owner = 'none' AND epoch = %(epoch)s
"""
_REOPEN: Final = """
    UPDATE ownership_bucket SET owner = 'self', epoch = %(epoch)s + 1
    WHERE capability = %(capability)s AND bucket = ANY(%(buckets)s::integer[])
        AND (owner = 'none' AND epoch = %(epoch)s OR owner = 'self' AND epoch < %(epoch)s)
"""
# A placement that began at the former owner can commit at neither side any more: who tries again need not wait for it.
_END_LEASES: Final[dict[tuple[str, Side], str]] = {
    ("orders", "monolith"): """
        UPDATE sales_idempotencykey SET lease_until = now()
        WHERE answer IS NULL AND NOT abandoned AND lease_until > now()
            AND ownership_bucket_of('orders', cust_ref) = ANY(%(buckets)s::integer[])
    """,
    ("orders", "service"): """
        UPDATE orders_idempotencykey SET lease_until = now()
        WHERE state = 'in_flight' AND lease_until > now()
            AND ownership_bucket_of('orders', customer) = ANY(%(buckets)s::integer[])
    """,
}


class BusyError(Exception):
    """Writers held the buckets for longer than others should wait behind us. Nothing was changed."""


def fence(source: Connection, record: Record, *, ms: int = FENCE_MS) -> float:
    """Take the buckets from the source, and return when (by `time.monotonic`) writers were last let in.

    Being granted the locks is the drain of the writers under way: what they wrote is committed and can be read. Raises
    BusyError when that took too long, Overtaken when the source does not own all of the buckets, as they were when the
    move was planned, or does not record their changes.
    """
    try:
        with source.transaction():
            _lock(source, record, ms=ms)
            since = time.monotonic()
            changed = source.execute(_FENCE, _values(record)).rowcount
            if changed != len(record.buckets):
                raise Overtaken(f"the {record.source} no longer owns {len(record.buckets) - changed} of the buckets")
    except (LockNotAvailable, QueryCanceled):
        raise BusyError(f"writers at the {record.source} held the buckets for more than {ms} ms") from None
    return since


def own(target: Connection, record: Record, *, seconds: float = 20.0) -> bool:
    """Give the buckets to the target, and end the leases of what ran at the source; tell whether that changed anything.

    Waits for rows that are being applied there: who applies looks at the owner once, under a lock that this excludes.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            with target.transaction():
                _lock(target, record, ms=OWN_MS)
                changed = target.execute(_OWN, _values(record)).rowcount
                # Done before, perhaps long before, or done now; anything else was never ours.
                if changed not in {0, len(record.buckets)} or target.execute(_BEHIND, _values(record)).fetchone() != (
                    0,
                ):
                    raise Refused(
                        f"move {record.id}: the {record.target} holds its buckets in a way that no move leaves"
                    )
                ending = _END_LEASES.get((record.capability, record.target))
                if changed and ending:
                    # The new owner's first change: it is recorded and goes to the other side, like every other.
                    target.execute(ending, _values(record))
            return changed > 0
        except (LockNotAvailable, QueryCanceled):
            if time.monotonic() > until:
                raise Refused(
                    f"move {record.id} is decided, and the {record.target} keeps its buckets busy:"
                    " ./manage.py migration doctor finishes it"
                ) from None


def release(source: Connection, record: Record) -> bool:
    """Tell the source that the other side owns the buckets now, and return whether that changed anything."""
    return source.execute(_RELEASE, _values(record)).rowcount > 0


def reopen(source: Connection, record: Record) -> bool:
    """Give the buckets back to the source, and return whether that changed anything.

    Only once the record can no longer be decided.
    """
    return source.execute(_REOPEN, _values(record)).rowcount > 0


def _lock(connection: Connection, record: Record, *, ms: int) -> None:
    connection.execute(_PATIENCE, {"ms": str(ms), "frozen": str(max(ms, _FROZEN_MS))})
    connection.execute(_LOCK, [LOCK_CLASSES[record.capability], sorted(record.buckets)])


def _values(record: Record) -> dict[str, object]:
    return {"capability": record.capability, "buckets": list(record.buckets), "epoch": record.epoch}
