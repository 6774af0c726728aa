"""A write's first step: to own what it is about to change, until it has committed.

    Misdirected           this database does not own it; answered with 421, which the gateway follows

What the triggers hold everyone to is asked for here first, so that nothing is decided by rows that may be behind.
Every lock is held to the end of the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import BooleanField, F, Func, Value

from services.chassis.problems import Problem
from services.ownership.schema import NOT_OWNED

EPOCH_HEADER = "TechCommerce-Epoch"
"""Of a 421: the epoch that its sender has seen; 0 where it cannot say who owns it."""


class Misdirected(Problem):
    """This database does not own what was to be written, or has not come as far as was to be read."""

    def __init__(self, *, capability: str, epoch: int = 0) -> None:
        super().__init__("misdirected", headers={EPOCH_HEADER: str(epoch)})
        self.capability = capability
        self.epoch = epoch


def enter(capability: str, key: str = "") -> None:
    """Own the bucket that the key falls into to the end of the transaction; Misdirected otherwise."""
    _require_transaction()
    with translated(), connection.cursor() as cursor:
        cursor.execute("SELECT ownership_enter(%s, ownership_bucket_of(%s, %s))", [capability, capability, key])


def try_enter(capability: str, key: str = "") -> bool:
    """Tell whether this database owns the bucket, and keep it so to the end of the transaction."""
    _require_transaction()
    with connection.cursor() as cursor:
        # Two statements: the second sees what whoever held the lock has committed.
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(ownership_lock_class(%s), ownership_bucket_of(%s, %s))",
            [capability, capability, key],
        )
        cursor.execute("SELECT ownership_is_self(%s, %s)", [capability, key])
        return bool(cursor.fetchone()[0])


def look(capability: str, key: str = "") -> tuple[bool, int]:
    """Return whether this database owns the bucket at the moment, and the epoch that it has seen. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT owner = 'self', epoch FROM ownership_bucket"
            " WHERE capability = %s AND bucket = ownership_bucket_of(%s, %s)",
            [capability, capability, key],
        )
        owns, epoch = cursor.fetchone()
        return bool(owns), int(epoch)


def owns_all(capability: str) -> bool:
    """Tell whether this database owns every bucket at the moment. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM ownership_bucket WHERE capability = %s AND owner <> 'self')", [capability]
        )
        return bool(cursor.fetchone()[0])


def owned(capability: str, column: str) -> Func:
    """Return the condition, for `filter`, that this database owns the bucket of the key in a column."""
    return Func(Value(capability), F(column), function="ownership_is_self", output_field=BooleanField())


@contextmanager
def translated() -> Iterator[None]:
    """Raise Misdirected in place of the database's own refusal."""
    try:
        yield
    except DatabaseError as error:
        misdirected = refusal(error)
        if misdirected is None:
            raise
        raise misdirected from error


def refusal(error: BaseException) -> Misdirected | None:
    """Return what a database error says about ownership; None when it is about something else."""
    cause: Any = error.__cause__
    if getattr(cause, "sqlstate", None) != NOT_OWNED:
        return None
    return Misdirected(capability=cause.diag.message_hint, epoch=int(cause.diag.message_detail))


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("outside of a transaction the lock would be gone at once")
