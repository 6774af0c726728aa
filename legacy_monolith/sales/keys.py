"""Idempotency keys: who may work on a placement, what became of it, and how it is given up.

    Lost                  the placement's number is no longer its own: no order may be written under it

Every function that changes a row runs in its caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from legacy_monolith import locks
from legacy_monolith.sales.models import IdempotencyKey
from services.chassis import contract
from services.chassis.problems import Problem
from services.ownership import fence

KEPT: Final = timedelta(days=30)


class Lost(Exception):
    """Somebody took the key over, or was told that this number will never be an order."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to place one order. The lease tells this run from one that takes over."""

    row: int
    order_no: str
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """A placement that has been answered, and the answer's body."""

    order_no: str
    body: str


def claim(
    *, customer: str, key: str, fingerprint: str, now: datetime, new_number: Callable[[], str]
) -> Claim | Answered:
    """Take a customer's key, or return its answer; the problem when it is another's at the moment, or was for another.

    An unfinished placement whose lease is over is taken over, under the same number if it is for the same payload: so
    its reservation is found again.
    """
    # Without the lock first: those who only want the answer again must not stand in each other's way.
    known = IdempotencyKey.objects.filter(cust_ref=customer, key=key).first()
    if known is not None and known.answer is not None:
        return _answered(known, fingerprint)
    if not locks.try_placement(customer=customer, key=key):
        raise Problem("idempotency-key-in-flight")
    lease_until = now + timedelta(seconds=contract.PLACEMENT_LEASE)
    row = locks.key_of(customer=customer, key=key)
    if row is None:
        row = IdempotencyKey.objects.create(
            cust_ref=customer,
            key=key,
            fingerprint=fingerprint,
            order_no=new_number(),
            lease_until=lease_until,
            created=now,
        )
        return _claim(row)
    if row.answer is not None:
        return _answered(row, fingerprint)
    if row.lease_until > now:
        raise Problem("idempotency-key-in-flight" if row.fingerprint == fingerprint else "idempotency-key-reused")
    if row.abandoned or row.fingerprint != fingerprint:
        row.order_no = new_number()
    row.fingerprint = fingerprint
    row.abandoned = False
    row.lease_until = lease_until
    row.save(update_fields=["order_no", "fingerprint", "abandoned", "lease_until"])
    return _claim(row)


def renumber(*, held: Claim, new_number: Callable[[], str]) -> Claim:
    """Give an unfinished placement another number, and return its claim; Lost when it is no longer ours."""
    row = _own(held)
    row.order_no = new_number()
    row.save(update_fields=["order_no"])
    return _claim(row)


def check(*, held: Claim) -> Answered | None:
    """Lock the key's row and return the answer that another run has given meanwhile; Lost when no order may follow."""
    row = locks.key_for(order_no=held.order_no)
    if row is None or row.pk != held.row or row.abandoned:
        raise Lost(held.order_no)
    return None if row.answer is None else Answered(order_no=row.order_no, body=row.answer)


def finish(*, held: Claim, body: str) -> None:
    """Store the answer. The row is locked by then."""
    IdempotencyKey.objects.filter(pk=held.row).update(answer=body)


def free(*, held: Claim) -> None:
    """Forget a placement that was refused, so that its key is as good as new."""
    IdempotencyKey.objects.filter(pk=held.row, lease_until=held.lease_until, answer=None).delete()


def let_go(*, held: Claim, now: datetime) -> None:
    """End the lease of a placement whose outcome is unknown, so that a retry takes it over at once."""
    IdempotencyKey.objects.filter(pk=held.row, lease_until=held.lease_until, answer=None).update(lease_until=now)


def abandon(*, order_no: str, now: datetime) -> bool:
    """Make sure that no order will ever have this number; False when its placement may still be running.

    Holds the row's lock to the end of the transaction: who looks for the order afterwards sees the last word on it.
    """
    row = locks.key_for(order_no=order_no)
    if row is None or row.answer is not None or row.abandoned:
        return True
    if row.lease_until > now:
        return False
    row.abandoned = True
    row.save(update_fields=["abandoned"])
    return True


def prune(*, now: datetime) -> int:
    """Delete the keys that nobody has used for 30 days, and return how many.

    Unfinished ones go as well: a placement that comes back so late fails, as it does on one that was abandoned.
    """
    # A lease ends after its row's creation: the first condition follows from the second, and has an index.
    old = IdempotencyKey.objects.filter(created__lt=now - KEPT, lease_until__lt=now - KEPT)
    with fence.translated():
        deleted, _ = old.filter(fence.owned("orders", "cust_ref")).delete()
    return deleted


def _answered(row: IdempotencyKey, fingerprint: str) -> Answered:
    if row.fingerprint != fingerprint:
        raise Problem("idempotency-key-reused")
    return Answered(order_no=row.order_no, body=row.answer or "")


def _claim(row: IdempotencyKey) -> Claim:
    return Claim(row=row.pk, order_no=row.order_no, lease_until=row.lease_until)


def _own(held: Claim) -> IdempotencyKey:
    row = locks.key_for(order_no=held.order_no)
    if row is None or row.lease_until != held.lease_until or row.answer is not None or row.abandoned:
        raise Lost(held.order_no)
    return row
