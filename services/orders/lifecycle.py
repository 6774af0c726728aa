"""An order after it has been placed: seen, moved along, cancelled, asked about.

`viewer` is the customer whose orders are meant, None for everyone's. Locks: the key row before the order.

Problems: `not-found`, `no-such-page`, `illegal-transition`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from services.chassis import contract
from services.chassis.client import GatewayClient
from services.chassis.drf import pages
from services.chassis.problems import Problem
from services.orders import presentation, settlement
from services.orders.models import IdempotencyKey, KeyState, Order, OrderLine, Status, StatusChange
from services.orders.presentation import ORDER_COLUMNS, ChangeRow, LineRow, OrderRow
from services.ownership import fence

Outcome = Literal["confirm", "release", "wait"]


def visible(viewer: str | None) -> QuerySet[Order]:
    """Return the orders that the viewer may know of."""
    return Order.objects.all() if viewer is None else Order.objects.filter(customer=viewer)


def page_of(*, rows: QuerySet[Order], page: int, page_size: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many orders there are, and those on one page, newest first."""
    count = rows.count()
    start = pages.offset(count=count, page=page, page_size=page_size)
    if not count:
        return 0, []
    return count, _shown(rows.order_by("-placed_at", "-number")[start : start + page_size])


def order(*, number: str, viewer: str | None) -> dict[str, Any]:
    """Return one order."""
    found = _shown(visible(viewer).filter(number=number))
    if not found:
        raise Problem("not-found")
    return found[0]


def cancel(*, number: str, viewer: str | None, gateway: GatewayClient, now: datetime) -> dict[str, Any]:
    """Cancel an order and return it; its stock goes back now, or soon."""
    return change_status(number=number, viewer=viewer, status=Status.CANCELLED, gateway=gateway, now=now)


def change_status(
    *, number: str, viewer: str | None, status: str, gateway: GatewayClient, now: datetime
) -> dict[str, Any]:
    """Move an order to a status and return it; unchanged when it is there already."""
    with transaction.atomic():
        fence.enter("orders", _customer_of(number) if viewer is None else viewer)
        found = visible(viewer).select_for_update().filter(number=number).first()
        if found is None:
            raise Problem("not-found")
        changed = found.status != status
        if changed:
            _move(found, status, now=now)
    if changed and status == Status.CANCELLED:
        settlement.settle_stock(number=number, cancelled=True, gateway=gateway)
    return order(number=number, viewer=viewer)


def settle(*, number: str, customer: str, now: datetime) -> Outcome:
    """Tell what is to become of the stock that is held for a customer under a number.

    After `release`, no order will ever have the number: the key row that stands for it is marked under its lock.
    """
    with transaction.atomic():
        fence.enter("orders", customer)
        key = IdempotencyKey.objects.select_for_update().filter(number=number).first()
        # Read after the lock has been granted: a placement that held it has committed by now.
        status = Order.objects.filter(number=number).values_list("status", flat=True).first()
        if status is not None:
            return "release" if status == Status.CANCELLED else "confirm"
        if key is not None and key.state == KeyState.IN_FLIGHT:
            if key.lease_until > now:
                return "wait"
            key.state = KeyState.ABANDONED
            key.save(update_fields=["state"])
        return "release"


def _customer_of(number: str) -> str:
    # Whose an order is never changes, so that it can be read before anything is locked.
    customer = Order.objects.filter(number=number).values_list("customer", flat=True).first()
    if customer is None:
        raise Problem("not-found")
    return customer


def _move(found: Order, status: str, *, now: datetime) -> None:
    if (found.status, status) not in contract.TRANSITIONS:
        members: dict[str, Any] = {"from": found.status, "to": status}
        raise Problem("illegal-transition", **members)
    found.status = status
    if status == Status.CANCELLED:
        found.stock_settled = False
    found.save(update_fields=["status", "stock_settled"])
    StatusChange.objects.create(order=found, status=status, at=now)


def _shown(rows: QuerySet[Order]) -> list[dict[str, Any]]:
    """Return the orders as they are shown, in the rows' order. Three queries, however many there are."""
    found = list(rows.values_list("id", *ORDER_COLUMNS))
    ids = [row[0] for row in found]
    lines = OrderLine.objects.filter(order__in=ids).order_by("sku", "position")
    history = StatusChange.objects.filter(order__in=ids).order_by("at", "id")
    lines_of = _grouped(lines.values_list("order_id", *LineRow._fields))
    history_of = _grouped(history.values_list("order_id", *ChangeRow._fields))
    return [
        presentation.order(
            OrderRow._make(columns),
            lines=[LineRow._make(line) for line in lines_of[id_]],
            history=[ChangeRow._make(change) for change in history_of[id_]],
        )
        for id_, *columns in found
    ]


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, list[tuple[Any, ...]]]:
    groups: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for id_, *columns in rows:
        groups[id_].append(tuple(columns))
    return groups
