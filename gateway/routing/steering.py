"""Moving a capability's traffic, and seeing where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from gateway.routing.models import Revision, Toggle
from gateway.routing.table import Capability, Side


@dataclass(frozen=True, slots=True)
class Moved:
    """What steering did."""

    before: Side
    after: Side
    revision: int

    @property
    def changed(self) -> bool:
        return self.before != self.after


def steer(*, capability: Capability, side: Side, by: str, reason: str, now: datetime) -> Moved:
    """Send the capability's traffic to the side, and return what that changed.

    Every gateway worker follows once this has committed. Sending it where it goes already changes nothing.
    """
    with transaction.atomic():
        toggle = Toggle.objects.select_for_update().get(capability=capability)
        before: Side = toggle.side  # type: ignore[assignment]
        if before != side:
            toggle.side, toggle.updated_by, toggle.reason, toggle.updated_at = side, by, reason, now
            toggle.save(update_fields=["side", "updated_by", "reason", "updated_at"])
        return Moved(before=before, after=side, revision=revision())


def revision() -> int:
    """Return the number of the last committed change of the toggles."""
    return Revision.objects.values_list("number", flat=True).get(id=1)
