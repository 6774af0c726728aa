"""Stock that is held for orders. Every operation may run concurrently with itself.

Locks are taken in one order everywhere: the reservation, then the products by sku.

Problems: `validation`, `insufficient-stock`, `reservation-mismatch`, `reservation-settled`, `not-found`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg.errors
from django.db import IntegrityError, transaction
from django.db.models import F

from services.chassis import contract
from services.chassis.problems import FieldError, Problem, validation
from services.ownership import fence
from services.products import presentation
from services.products.catalogue import live
from services.products.models import Product, Reservation, ReservationLine, ReservationState
from services.products.presentation import ReservationLineRow, ReservationRow

Lines = Sequence[tuple[str, int]]
"""(sku, quantity), no sku twice."""


def reserve(*, order: str, customer: str, lines: Lines, now: datetime) -> tuple[dict[str, Any], bool]:
    """Hold the lines for an order, or none of them; return the reservation, and whether it is new."""
    with transaction.atomic():
        fence.enter("products")
        reservation = _claim(order=order, customer=customer, now=now)
        if reservation is not None:
            _take(reservation, lines)
            return _shown(reservation), True
    return _again(order=order, lines=lines), False


def found(*, order: str) -> dict[str, Any]:
    """Return the order's reservation."""
    reservation = Reservation.objects.filter(order=order).first()
    if reservation is None:
        raise Problem("not-found")
    return _shown(reservation)


def confirm(*, order: str) -> dict[str, Any]:
    """Make the reservation lasting, and return it."""
    with transaction.atomic():
        fence.enter("products")
        reservation = _locked(order)
        if reservation.state == ReservationState.RELEASED:
            raise Problem("reservation-settled", state=reservation.state)
        _set_state(reservation, ReservationState.CONFIRMED)
    return _shown(reservation)


def release(*, order: str) -> dict[str, Any]:
    """Give the reservation's stock back, once, and return it."""
    with transaction.atomic():
        fence.enter("products")
        reservation = _locked(order)
        if reservation.state != ReservationState.RELEASED:
            _set_state(reservation, ReservationState.RELEASED)
            for line in _lines(reservation):
                Product.objects.filter(sku=line.sku).update(stock=F("stock") + line.quantity)
    return _shown(reservation)


def _claim(*, order: str, customer: str, now: datetime) -> Reservation | None:
    """Return a new reservation without lines, None when the order has one.

    Waits for a transaction that is making one: the unique index tells us when it has committed or given up.
    """
    reservation = Reservation(
        order=order,
        customer=customer,
        state=ReservationState.HELD,
        expires_at=now + timedelta(seconds=contract.RESERVATION_TTL),
        created_at=now,
    )
    try:
        with transaction.atomic():
            reservation.save(force_insert=True)
    except IntegrityError as error:
        if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
            return None
        raise
    return reservation


def _take(reservation: Reservation, lines: Lines) -> None:
    """Take the lines off the stock; a problem, so that nothing stays taken, when one of them cannot be had."""
    wanted = dict(lines)
    missing = [
        sku
        for sku in sorted(wanted)
        if not live().filter(sku=sku, stock__gte=wanted[sku]).update(stock=F("stock") - wanted[sku])
    ]
    if missing:
        stock = dict(live().filter(sku__in=missing).values_list("sku", "stock"))
        unknown = set(missing) - stock.keys()
        if unknown:
            raise validation(
                [FieldError(f"/lines/{n}/sku", "unknown_product") for n, (sku, _) in enumerate(lines) if sku in unknown]
            )
        raise Problem(
            "insufficient-stock",
            shortfalls=[{"sku": sku, "requested": wanted[sku], "available": stock[sku]} for sku in missing],
        )
    # The updates above hold the rows' locks: name and price cannot change before we commit.
    products = Product.objects.filter(sku__in=wanted).order_by("sku").values_list("sku", "name", "price")
    ReservationLine.objects.bulk_create(
        ReservationLine(reservation=reservation, product_id=sku, name=name, quantity=wanted[sku], unit_price=price)
        for sku, name, price in products
    )


def _again(*, order: str, lines: Lines) -> dict[str, Any]:
    """Return the reservation that the order has already, if it is for the same lines and not released."""
    reservation = Reservation.objects.get(order=order)
    held = _lines(reservation)
    if sorted(lines) != [(line.sku, line.quantity) for line in held]:
        raise Problem("reservation-mismatch")
    if reservation.state == ReservationState.RELEASED:
        raise Problem("reservation-settled", state=reservation.state)
    return _shown(reservation, held)


def _locked(order: str) -> Reservation:
    reservation = Reservation.objects.select_for_update().filter(order=order).first()
    if reservation is None:
        raise Problem("not-found")
    return reservation


def _set_state(reservation: Reservation, state: ReservationState) -> None:
    if reservation.state != state:
        reservation.state = state
        reservation.save(update_fields=["state"])


def _lines(reservation: Reservation) -> list[ReservationLineRow]:
    rows = ReservationLine.objects.filter(reservation=reservation).order_by("product_id")
    return [ReservationLineRow._make(row) for row in rows.values_list("product_id", "name", "quantity", "unit_price")]


def _shown(reservation: Reservation, lines: list[ReservationLineRow] | None = None) -> dict[str, Any]:
    row = ReservationRow(reservation.order, reservation.customer, reservation.state, reservation.expires_at)
    return presentation.reservation(row, _lines(reservation) if lines is None else lines)
