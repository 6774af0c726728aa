"""Stock and orders brought together: at once where that works, by the sweeper where it did not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.chassis import log, sweep
from services.chassis.client import GatewayClient, Unreachable
from services.orders import stock
from services.orders.models import IdempotencyKey, Order, Status
from services.ownership import fence
from services.ownership.fence import Misdirected

_logger = log.get(__name__)

KEYS_KEPT: Final = timedelta(days=30)


def settle_stock(*, number: str, cancelled: bool, gateway: GatewayClient) -> bool:
    """Confirm the order's reservation, or release a cancelled one's, and remember it; tell whether that worked."""
    try:
        act = stock.release if cancelled else stock.confirm
        done = act(number=number, gateway=gateway)
    except Unreachable as error:
        _logger.warning("stock_unsettled", order=number, detail=str(error))
        return False
    if not done:
        _logger.error("stock_unsettled", order=number, detail="refused")
        return False
    orders = Order.objects.filter(number=number, stock_settled=False)
    # The order may have been cancelled while its reservation was being confirmed: the release is still to come.
    orders = orders.filter(status=Status.CANCELLED) if cancelled else orders.exclude(status=Status.CANCELLED)
    try:
        with fence.translated():
            orders.update(stock_settled=True)
    except Misdirected:
        # It has moved meanwhile, with the mark on it. Its new owner asks again and is told the same.
        return False
    return True


def release_quietly(*, number: str, gateway: GatewayClient) -> None:
    """Release the stock of an order that will not be. When that fails, its keeper asks about it later."""
    try:
        stock.release(number=number, gateway=gateway)
    except Unreachable as error:
        _logger.warning("stock_unsettled", order=number, detail=str(error))


def settle_orders(*, gateway: GatewayClient) -> None:
    """Confirm or release the stock of every order where that is still to be done."""
    unsettled = Order.objects.filter(fence.owned("orders", "customer"), stock_settled=False)
    rows = list(unsettled.order_by("number").values_list("number", "status"))
    sweep.each(
        "settle_failed",
        rows,
        lambda row: settle_stock(number=row[0], cancelled=row[1] == Status.CANCELLED, gateway=gateway),
    )


def prune_keys(*, now: datetime) -> int:
    """Delete the keys that nobody has used for 30 days, and return how many.

    Unfinished ones go as well: a placement that comes back so late fails, as it does on one that was abandoned.
    """
    old = IdempotencyKey.objects.filter(lease_until__lt=now - KEYS_KEPT)
    with fence.translated():
        deleted, _ = old.filter(fence.owned("orders", "customer")).delete()
    return deleted
