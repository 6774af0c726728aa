"""`sweep`: settles, every few seconds, what placements and cancellations left undone."""

from __future__ import annotations

from django.utils import timezone

from legacy_monolith.sales import peers, sweeper
from services.chassis.sweep import SweepCommand


class Command(SweepCommand):
    help = "Settle reservations and orders that were left half done, and forget old keys."

    def sweep(self) -> None:
        """Do one round."""
        others = peers.through_gateway()
        sweeper.settle_reservations(peers=others, now=timezone.now())
        sweeper.settle_orders(peers=others)
        sweeper.prune_keys(now=timezone.now())
