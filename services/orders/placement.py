"""How an order is placed: one order for one intention, however often it is sent and whatever dies on the way.

1. The key row is committed: customer, key, fingerprint, the order's number, a lease.
2. Stock is reserved under that number.
3. One transaction locks the key row, checks that it still stands for the number, writes order and answer.
4. The reservation is confirmed, now or by the sweeper.

Each transaction begins by owning the customer's orders. When they move between two of them, the rest is Misdirected:
the new owner, who has the key row with its lease ended, goes on under the same number.

A definite refusal forgets the key. An unknown outcome ends the lease instead: whoever comes next with the same payload
goes on under the same number, and so finds the reservation that may have been made. With another payload it gets
another number; the first number's reservation is settled by the sweeper of whoever keeps it, for nothing stands for
that number any more.

Problems: `idempotency-key-reused`, `idempotency-key-in-flight`, `unavailable`, and those of
`services.orders.stock.reserve`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg.errors
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from rest_framework.utils import json

from services.chassis import contract, log
from services.chassis.client import GatewayClient, Unreachable
from services.chassis.problems import Problem
from services.orders import presentation, settlement, stock
from services.orders.models import IdempotencyKey, KeyState, Order, OrderLine, Status, StatusChange
from services.orders.presentation import ChangeRow, LineRow, OrderRow
from services.orders.stock import AlreadyReleased, ReservedLine
from services.ownership import fence

_logger = log.get(__name__)

_LEASE: Final = timedelta(seconds=contract.PLACEMENT_LEASE)
_CLAIMS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Intention:
    """What a customer wants, after validation. `lines` are (sku, quantity) in the client's order."""

    customer: str
    key: str
    lines: Sequence[tuple[str, int]]
    ship_to: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        return contract.fingerprint(lines=self.lines, ship_to=self.ship_to)


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that has been placed: its number, and the answer's body."""

    number: str
    answer: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Claim:
    """This run's hold on a key row, good while nobody has taken the row over."""

    row: UUID
    number: str
    attempt: int


class _Superseded(Exception):
    """The key row no longer stands for this run's number."""


def place(
    intention: Intention,
    *,
    gateway: GatewayClient,
    clock: Callable[[], datetime],
    new_number: Callable[[], str] = contract.new_order_number,
) -> Placed:
    """Place the order, or return the one that was placed with this key before."""
    claim = _claim(intention, clock=clock, new_number=new_number)
    if isinstance(claim, Placed):
        return claim
    try:
        reserved = stock.reserve(
            number=claim.number, customer=intention.customer, lines=intention.lines, gateway=gateway
        )
    except Problem:
        _forget(claim)
        raise
    except AlreadyReleased:
        _forget(claim)
        raise Problem("unavailable") from None
    except Exception as error:
        _end_lease(claim, now=clock())
        if isinstance(error, Unreachable):
            _logger.warning("reservation_unknown", order=claim.number, detail=str(error))
            raise Problem("unavailable") from error
        raise
    try:
        placed = _commit(intention, claim, reserved, now=clock())
    except _Superseded:
        _logger.warning("placement_superseded", order=claim.number)
        settlement.release_quietly(number=claim.number, gateway=gateway)
        raise Problem("unavailable") from None
    if not placed.replayed:
        settlement.settle_stock(number=placed.number, cancelled=False, gateway=gateway)
    return placed


def _claim(intention: Intention, *, clock: Callable[[], datetime], new_number: Callable[[], str]) -> _Claim | Placed:
    """Make the key row this run's own; return the order instead when the key has one."""
    for _ in range(_CLAIMS):
        claim = _first_claim(intention, now=clock(), number=new_number()) or _next_claim(
            intention, now=clock(), new_number=new_number
        )
        if claim is not None:
            return claim
    # The row came and went under our hands: others are failing with this key as fast as we ask.
    raise Problem("idempotency-key-in-flight")


def _first_claim(intention: Intention, *, now: datetime, number: str) -> _Claim | None:
    """Commit a new key row, None when the key has one already."""
    row = IdempotencyKey(
        customer=intention.customer,
        key=intention.key,
        fingerprint=intention.fingerprint,
        number=number,
        lease_until=now + _LEASE,
        created_at=now,
    )
    try:
        with transaction.atomic():
            fence.enter("orders", intention.customer)
            row.save(force_insert=True)
    except IntegrityError as error:
        if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
            return None
        raise
    return _Claim(row.id, row.number, row.attempt)


def _next_claim(intention: Intention, *, now: datetime, new_number: Callable[[], str]) -> _Claim | Placed | None:
    """Take over the key's row if nobody is at work on it, None when it has gone meanwhile."""
    with transaction.atomic():
        fence.enter("orders", intention.customer)
        row = IdempotencyKey.objects.select_for_update().filter(customer=intention.customer, key=intention.key).first()
        if row is None:
            return None
        same = row.fingerprint == intention.fingerprint
        taken = row.state == KeyState.DONE or (row.state == KeyState.IN_FLIGHT and row.lease_until > now)
        if taken and not same:
            raise Problem("idempotency-key-reused")
        if row.state == KeyState.DONE:
            return Placed(row.number, row.answer, replayed=True)
        if taken:
            raise Problem("idempotency-key-in-flight")
        if not same or row.state == KeyState.ABANDONED:
            row.number = new_number()
        row.fingerprint = intention.fingerprint
        row.state = KeyState.IN_FLIGHT
        row.attempt += 1
        row.lease_until = now + _LEASE
        row.save(update_fields=["number", "fingerprint", "state", "attempt", "lease_until"])
        return _Claim(row.id, row.number, row.attempt)


def _forget(claim: _Claim) -> None:
    with fence.translated():
        _own(claim).delete()


def _end_lease(claim: _Claim, *, now: datetime) -> None:
    with fence.translated():
        _own(claim).update(lease_until=now)


def _own(claim: _Claim) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(id=claim.row, attempt=claim.attempt, state=KeyState.IN_FLIGHT)


def _commit(intention: Intention, claim: _Claim, lines: Sequence[ReservedLine], *, now: datetime) -> Placed:
    """Write the order and its answer, unless another run has done so already or the number has been given up."""
    with transaction.atomic():
        fence.enter("orders", intention.customer)
        row = IdempotencyKey.objects.select_for_update().filter(id=claim.row, number=claim.number).first()
        if row is None or row.state == KeyState.ABANDONED:
            raise _Superseded
        if row.state == KeyState.DONE:
            return Placed(row.number, row.answer, replayed=True)
        answer = _write(intention, number=claim.number, lines=lines, now=now)
        row.state = KeyState.DONE
        row.answer = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        row.save(update_fields=["state", "answer"])
        return Placed(row.number, row.answer, replayed=False)


def _write(intention: Intention, *, number: str, lines: Sequence[ReservedLine], now: datetime) -> dict[str, Any]:
    """Insert the order with its lines and its history, and return it as it is shown."""
    order = Order(
        number=number,
        customer=intention.customer,
        status=Status.PLACED,
        placed_at=now,
        total=sum(line.unit_price * line.quantity for line in lines),
        stock_settled=False,
        **{f"ship_to_{name}": value for name, value in intention.ship_to.items()},
    )
    order.save(force_insert=True)
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            position=position,
            sku=line.sku,
            name=line.name,
            quantity=line.quantity,
            unit_price=line.unit_price,
        )
        for position, line in enumerate(lines, start=1)
    )
    StatusChange.objects.create(order=order, status=Status.PLACED, at=now)
    row = OrderRow._make(getattr(order, column) for column in presentation.ORDER_COLUMNS)
    return presentation.order(
        row._replace(status=Status.PLACED.value),
        lines=[LineRow(line.sku, line.name, line.quantity, line.unit_price) for line in lines],
        history=[ChangeRow(Status.PLACED.value, now)],
    )
