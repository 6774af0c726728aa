from __future__ import annotations

from django.utils import timezone

from services.chassis.sweep import SweepCommand
from services.orders import settlement, stock


class Command(SweepCommand):
    help = "Confirm or release the stock of orders where that is still to be done, and forget old keys."

    def sweep(self) -> None:
        settlement.settle_orders(gateway=stock.gateway())
        settlement.prune_keys(now=timezone.now())
