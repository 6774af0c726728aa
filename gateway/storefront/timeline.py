"""How an order's way is told: the statuses it reached, and those still ahead. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.storefront.shapes import Order

_WAY: Final = ("placed", "paid", "shipped", "delivered")


@dataclass(frozen=True, slots=True)
class Milestone:
    status: str
    at: datetime | None
    """When it was reached; None while it is ahead."""
    current: bool


def timeline(order: Order) -> list[Milestone]:
    """Return what has happened, oldest first, then what is still to come on the way to delivery."""
    past = [Milestone(step.status, step.at, current=False) for step in order.history]
    if past:
        past[-1] = Milestone(past[-1].status, past[-1].at, current=True)
    ahead: tuple[str, ...] = ()
    if order.status in _WAY:
        ahead = _WAY[_WAY.index(order.status) + 1 :]
    return past + [Milestone(status, None, current=False) for status in ahead]
