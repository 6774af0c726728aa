"""Orders: writing them down, finding them, showing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from legacy_monolith.sales.models import LETTERS, Order, OrderLine, Status, StatusChange
from legacy_monolith.sales.peers import Reserved
from legacy_monolith.sales.requests import OrderFilter
from services.chassis import contract
from services.chassis.problems import Problem


def record(
    *,
    order_no: str,
    customer: str,
    ship_to: Mapping[str, str],
    lines: Iterable[Reserved],
    now: datetime,
    stock_settled: bool,
) -> Mapping[str, Any]:
    """Write a placed order with its lines and history, and return it as the contract shows it."""
    lines = sorted(lines, key=lambda line: line.sku)
    order = Order.objects.create(
        order_no=order_no,
        cust_ref=customer,
        total_cents=sum(line.quantity * line.unit_cents for line in lines),
        placed=now,
        stock_settled=stock_settled,
        **{f"ship_{name}": value for name, value in ship_to.items()},
    )
    rows = OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            line_no=number,
            code=line.sku,
            title=line.name,
            qty=line.quantity,
            unit_cents=line.unit_cents,
        )
        for number, line in enumerate(lines, start=1)
    )
    change = StatusChange.objects.create(order=order, status=Status.PLACED, at=now)
    return _shown(order, lines=rows, changes=[change])


def find(*, asked: OrderFilter, customer: str | None) -> tuple[int, QuerySet[Order]]:
    """Return how many orders match, and those of the page, newest first. Four queries.

    `customer` limits the list to one customer's own; None is for who may see everyone's.
    """
    found = Order.objects.all()
    for reference in (customer, asked.customer):
        if reference is not None:
            found = found.filter(cust_ref=reference)
    if asked.status is not None:
        found = found.filter(status=LETTERS[asked.status])
    count = found.count()
    first, end = asked.paging.bounds(count)
    return count, _whole(found.order_by("-placed", "-order_no")[first:end])


def get(*, order_no: str, customer: str | None) -> Order:
    """Return an order with its lines and history; the problem when there is none, or it is another customer's."""
    found = Order.objects.filter(order_no=order_no)
    if customer is not None:
        found = found.filter(cust_ref=customer)
    order = next(iter(_whole(found)), None)
    if order is None:
        raise Problem("not-found")
    return order


def present(order: Order) -> Mapping[str, Any]:
    """Return an order, whose lines and history have been loaded, as the contract shows it."""
    return _shown(order, lines=order.lines.all(), changes=order.changes.all())


def _whole(found: QuerySet[Order]) -> QuerySet[Order]:
    return found.prefetch_related(
        Prefetch("lines", OrderLine.objects.order_by("code", "line_no")),
        Prefetch("changes", StatusChange.objects.order_by("at", "id")),
    )


def _shown(order: Order, *, lines: Iterable[OrderLine], changes: Iterable[StatusChange]) -> dict[str, Any]:
    shown = contract.history_up_to(order.status, list(changes), of=lambda change: change.status)
    return {
        "number": order.order_no,
        "status": Status(order.status).label,
        "placed_at": contract.timestamp(order.placed),
        "customer": order.cust_ref,
        "ship_to": {name: getattr(order, f"ship_{name}") for name in contract.SHIP_TO_MAX},
        "lines": [
            {
                "sku": line.code,
                "name": line.title,
                "quantity": line.qty,
                "unit_price": contract.money_from_cents(line.unit_cents),
                "total": contract.money_from_cents(line.qty * line.unit_cents),
            }
            for line in lines
        ],
        "total": contract.money_from_cents(order.total_cents),
        "history": [{"status": Status(change.status).label, "at": contract.timestamp(change.at)} for change in shown],
    }
