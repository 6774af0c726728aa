"""What placements and cancellations left undone, settled later. Anything here may be cut off and done again."""

from __future__ import annotations

from datetime import datetime

from legacy_monolith.catalogue import reservations
from legacy_monolith.sales import keys, stock
from legacy_monolith.sales.models import Order, Status
from legacy_monolith.sales.peers import Peers
from services.chassis import log, sweep
from services.ownership import fence

_logger = log.get(__name__)


def settle_reservations(*, peers: Peers, now: datetime) -> None:
    """Do to every reservation that is held past its time what the owner of its order says. Never guess."""
    if not fence.owns_all("products"):
        return
    overdue = list(reservations.expired(now=now).values_list("order_no", "cust_ref"))
    sweep.each("reservation_not_settled", overdue, lambda row: _settle(order_no=row[0], customer=row[1], peers=peers))


def settle_orders(*, peers: Peers) -> None:
    """Confirm or release the stock of every order where that is still to be done."""
    unsettled = Order.objects.filter(fence.owned("orders", "cust_ref"), stock_settled=False).order_by("order_no")
    sweep.each(
        "stock_not_settled",
        list(unsettled.values_list("order_no", "status")),
        lambda row: stock.settle(order_no=row[0], cancelled=row[1] == Status.CANCELLED, peers=peers),
    )


def prune_keys(*, now: datetime) -> None:
    """Delete the keys that nobody will use again."""
    pruned = keys.prune(now=now)
    if pruned:
        _logger.info("keys_pruned", keys=pruned)


def _settle(*, order_no: str, customer: str, peers: Peers) -> None:
    outcome = peers.outcome(order_no=order_no, customer=customer)
    if outcome == "wait":
        return
    if outcome == "confirm":
        reservations.confirm(order_no=order_no)
    else:
        reservations.release(order_no=order_no)
    _logger.info("reservation_settled", order=order_no, outcome=outcome)
