"""An order's stock at whoever owns products: confirmed, or given back, until that side has said yes."""

from __future__ import annotations

from legacy_monolith.sales.models import Order, Status
from legacy_monolith.sales.peers import Peers
from services.chassis import log
from services.chassis.client import Unreachable
from services.ownership import fence
from services.ownership.fence import Misdirected

_logger = log.get(__name__)


def settle(*, order_no: str, cancelled: bool, peers: Peers) -> bool:
    """Confirm the order's reservation, or release that of a cancelled one, and return whether it is done.

    Where it is not, the order stays marked and the sweeper comes back to it.
    """
    verb = "release" if cancelled else "confirm"
    try:
        done = peers.release(order_no=order_no) if cancelled else peers.confirm(order_no=order_no)
    except Unreachable as error:
        _logger.warning("stock_not_settled", order=order_no, verb=verb, error=str(error))
        return False
    if not done:
        _logger.error("stock_settle_refused", order=order_no, verb=verb)
        return False
    # An order cancelled since then has a release to come, which this answer says nothing about.
    same = Order.objects.filter(order_no=order_no)
    same = same.filter(status=Status.CANCELLED) if cancelled else same.exclude(status=Status.CANCELLED)
    try:
        with fence.translated():
            same.update(stock_settled=True)
    except Misdirected:
        # It has moved meanwhile, with the mark on it. Its new owner asks again and is told the same.
        return False
    return True


def give_back(*, order_no: str, peers: Peers) -> None:
    """Release the stock of an order that will never be, if its keeper can be reached."""
    try:
        peers.release(order_no=order_no)
    except Unreachable as error:
        _logger.warning("stock_not_given_back", order=order_no, error=str(error))
