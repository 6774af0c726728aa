"""What happens to an order after it was placed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from legacy_monolith import locks
from legacy_monolith.catalogue import reservations
from legacy_monolith.sales import keys, stock
from legacy_monolith.sales.models import LETTERS, Order, Status, StatusChange
from legacy_monolith.sales.peers import Peers
from services.chassis import contract
from services.chassis.problems import Problem
from services.ownership import fence


def change_status(
    *, order_no: str, to: str, customer: str | None, products_here: bool, peers: Peers, now: datetime
) -> None:
    """Give an order another status; nothing happens to one that has it already.

    `customer` limits this to one customer's own orders; None is for operators. A problem when there is no such order,
    or no such way. The stock of a cancelled order goes back: with the status where it was reserved here and this
    database owns products (`products_here` says that it may), otherwise afterwards through the gateway.
    """
    with transaction.atomic():
        fence.enter("orders", _customer_of(order_no) if customer is None else customer)
        products_here = products_here and to == "cancelled" and fence.try_enter("products")
        order = _locked(order_no, customer)
        before = Status(order.status).label
        if before == to:
            return
        if (before, to) not in contract.TRANSITIONS:
            members: dict[str, Any] = {"from": before, "to": to}
            raise Problem("illegal-transition", **members)
        order.status = LETTERS[to]
        cancelled = to == "cancelled"
        if cancelled:
            order.stock_settled = products_here and _released_here(order_no)
        order.save(update_fields=["status", "stock_settled"])
        StatusChange.objects.create(order=order, status=order.status, at=now)
    if cancelled and not order.stock_settled:
        stock.settle(order_no=order_no, cancelled=True, peers=peers)


@transaction.atomic
def outcome(*, order_no: str, customer: str, now: datetime) -> str:
    """Return what is to become of a customer's reservation for an order: `confirm`, `release` or `wait`.

    After `release` no order with this number will ever come.
    """
    fence.enter("orders", customer)
    over = keys.abandon(order_no=order_no, now=now)
    # After the key's lock: a placement that held it has written its order by now.
    status = Order.objects.filter(order_no=order_no).values_list("status", flat=True).first()
    if status is not None:
        return "release" if status == Status.CANCELLED else "confirm"
    return "release" if over else "wait"


def _customer_of(order_no: str) -> str:
    # Whose an order is never changes, so that it can be read before anything is locked.
    customer = Order.objects.filter(order_no=order_no).values_list("cust_ref", flat=True).first()
    if customer is None:
        raise Problem("not-found")
    return customer


def _locked(order_no: str, customer: str | None) -> Order:
    order = locks.order(order_no=order_no)
    if order is None or (customer is not None and order.cust_ref != customer):
        raise Problem("not-found")
    return order


def _released_here(order_no: str) -> bool:
    """Release an order's local reservation; False when there is none."""
    if locks.reservation(order_no=order_no) is None:
        return False
    reservations.release(order_no=order_no)
    return True
