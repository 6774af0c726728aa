"""What becomes of reservations that are held past their time: the order's owner is asked, and nothing is guessed."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from services.chassis import client, log, sweep
from services.chassis.client import GatewayClient, Unreachable
from services.ownership import fence
from services.products import reservations
from services.products.models import Reservation, ReservationState

_logger = log.get(__name__)


def gateway() -> GatewayClient:
    """Return this service's client of the gateway."""
    return client.gateway(settings.COMPONENT, settings.GATEWAY_URL, settings.IDENTITY_KEY_FILE)


def settle_overdue(*, gateway: GatewayClient, now: datetime) -> None:
    """Ask about every reservation that is overdue, and do as told."""
    if not fence.owns_all("products"):
        return
    overdue = Reservation.objects.filter(state=ReservationState.HELD, expires_at__lt=now)
    rows = list(overdue.order_by("expires_at", "order").values_list("order", "customer"))
    sweep.each("settle_failed", rows, lambda row: _settle(order=row[0], customer=row[1], gateway=gateway))


def _settle(*, order: str, customer: str, gateway: GatewayClient) -> None:
    response = gateway.request("POST", f"/orders/{order}/settle", json={"customer": customer})
    try:
        outcome = response.json()["outcome"] if response.status_code == 200 else None
    except (ValueError, KeyError, TypeError):
        outcome = None
    match outcome:
        case "confirm":
            reservations.confirm(order=order)
        case "release":
            reservations.release(order=order)
        case "wait":
            pass
        case _:
            raise Unreachable(f"POST /orders/{order}/settle: {response.status_code}")
    _logger.info("settled", order=order, outcome=outcome)
