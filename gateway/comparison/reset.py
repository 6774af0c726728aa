"""Beginning to count anew, once what differed has been put right."""

from __future__ import annotations

from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from gateway.accounts.models import User
from gateway.comparison.models import Endpoint
from gateway.routing.table import Capability
from services.chassis import log

_logger = log.get(__name__)


def reset(*, capability: Capability, by: User, reason: str) -> int:
    """Forget the counts, fields and examples of a capability, and return of how many endpoints.

    Rules stay. What workers hold but have not written yet, a second's worth, is counted still.
    """
    with transaction.atomic():
        # Locked in the order in which workers take them, so that none adds a field to what goes.
        locked = Endpoint.objects.select_for_update().filter(capability=capability)
        held = list(locked.order_by("capability", "method", "route").values_list("pk", flat=True))
        Endpoint.objects.filter(pk__in=held).delete()
        LogEntry.objects.create(
            user_id=by.pk,
            content_type=ContentType.objects.get_for_model(Endpoint),
            object_repr=f"{capability}: counted anew",
            action_flag=DELETION,
            change_message=reason,
        )
    _logger.info("comparisons_reset", capability=capability, endpoints=len(held), by=str(by), reason=reason)
    return len(held)
