"""Stock that is taken out for an order, and given back. An order has at most one reservation, ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from legacy_monolith import locks
from legacy_monolith.catalogue.models import Product, Reservation, ReservationLine, ReservationState
from legacy_monolith.lines import Line
from services.chassis import contract
from services.chassis.problems import FieldError, Problem, validation
from services.ownership import fence

_HELD, _CONFIRMED, _RELEASED = ReservationState.HELD, ReservationState.CONFIRMED, ReservationState.RELEASED


def get(*, order_no: str) -> Reservation:
    """Return an order's reservation; the problem when there is none."""
    reservation = Reservation.objects.filter(order_no=order_no).first()
    if reservation is None:
        raise Problem("not-found")
    return reservation


def lines_of(reservation: Reservation) -> QuerySet[ReservationLine]:
    """Return a reservation's lines with their products, in sku order."""
    return reservation.lines.select_related("product").order_by("product__code")


@transaction.atomic
def reserve(
    *, order_no: str, customer: str, lines: Sequence[Line], now: datetime, confirmed: bool = False
) -> tuple[Reservation, bool]:
    """Take stock out for an order, all or nothing, and return its reservation and whether it is new.

    Asking again returns the reservation as it is now. A problem when it was for other lines or has been released, when
    there is no such product, or not enough of it. `confirmed` leaves out the time in between.
    """
    fence.enter("products")
    state = _CONFIRMED if confirmed else _HELD
    expires = now + timedelta(seconds=contract.RESERVATION_TTL)
    try:
        # Before the stock, so that the same request at the same time waits here and then finds this one.
        with transaction.atomic():
            reservation = Reservation.objects.create(
                order_no=order_no, cust_ref=customer, state=state, expires=expires, created=now
            )
    except IntegrityError:
        existing = locks.reservation(order_no=order_no)
        if existing is None:
            raise
        return _again(existing, lines=lines, confirmed=confirmed), False
    products = _available(lines)
    _move(products=products, lines=lines, sign=-1)
    ReservationLine.objects.bulk_create(
        ReservationLine(
            reservation=reservation,
            product=product,
            title=product.title,
            qty=line.quantity,
            unit_cents=product.price_cents,
        )
        for line, product in ((line, products[line.sku]) for line in sorted(lines, key=lambda line: line.sku))
    )
    return reservation, True


@transaction.atomic
def confirm(*, order_no: str) -> Reservation:
    """Make a held reservation final and return it; the problem when there is none, or it has been released."""
    fence.enter("products")
    reservation = _locked(order_no)
    if reservation.state == _RELEASED:
        raise _settled(reservation)
    _become(reservation, _CONFIRMED)
    return reservation


@transaction.atomic
def release(*, order_no: str) -> Reservation:
    """Give a reservation's stock back, once, and return it; the problem when there is none."""
    fence.enter("products")
    reservation = _locked(order_no)
    if reservation.state != _RELEASED:
        lines = [Line(sku=line.product.code, quantity=line.qty) for line in lines_of(reservation)]
        _move(products=locks.products(line.sku for line in lines), lines=lines, sign=1)
        _become(reservation, _RELEASED)
    return reservation


def expired(*, now: datetime) -> QuerySet[Reservation]:
    """Return the held reservations whose time is over, oldest first."""
    return Reservation.objects.filter(state=_HELD, expires__lt=now).order_by("expires", "id")


def _again(reservation: Reservation, *, lines: Sequence[Line], confirmed: bool) -> Reservation:
    had = {line.product.code: line.qty for line in lines_of(reservation)}
    if had != {line.sku: line.quantity for line in lines}:
        raise Problem("reservation-mismatch")
    if reservation.state == _RELEASED:
        raise _settled(reservation)
    if confirmed:
        _become(reservation, _CONFIRMED)
    return reservation


def _available(lines: Sequence[Line]) -> dict[str, Product]:
    """Lock and return the lines' products; the problem unless every one exists and there is enough of it."""
    products = locks.products(line.sku for line in lines)
    unknown = [
        FieldError(f"/lines/{index}/sku", "unknown_product")
        for index, line in enumerate(lines)
        if line.sku not in products or not products[line.sku].active
    ]
    if unknown:
        raise validation(unknown)
    shortfalls = [
        {"sku": line.sku, "requested": line.quantity, "available": products[line.sku].qty}
        for line in sorted(lines, key=lambda line: line.sku)
        if products[line.sku].qty < line.quantity
    ]
    if shortfalls:
        raise Problem("insufficient-stock", shortfalls=shortfalls)
    return products


def _move(*, products: dict[str, Product], lines: Sequence[Line], sign: int) -> None:
    """Add to, or take from, the stock of locked products. The table's own check refuses what is not there."""
    for line in sorted(lines, key=lambda line: line.sku):
        Product.objects.filter(pk=products[line.sku].pk).update(qty=F("qty") + sign * line.quantity)


def _locked(order_no: str) -> Reservation:
    reservation = locks.reservation(order_no=order_no)
    if reservation is None:
        raise Problem("not-found")
    return reservation


def _become(reservation: Reservation, state: ReservationState) -> None:
    if reservation.state != state:
        reservation.state = state
        reservation.save(update_fields=["state"])


def _settled(reservation: Reservation) -> Problem:
    return Problem("reservation-settled", state=reservation.get_state_display())
