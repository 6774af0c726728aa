from __future__ import annotations

from django.utils import timezone

from services.chassis.sweep import SweepCommand
from services.products import settlement


class Command(SweepCommand):
    help = "Settle reservations that are held past their time, as the owner of their orders says."

    def sweep(self) -> None:
        settlement.settle_overdue(gateway=settlement.gateway(), now=timezone.now())
