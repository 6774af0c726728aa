"""The admin's first page: where each capability's traffic goes, and who moved it last."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from gateway.routing import reports, testers
from gateway.routing.buckets import percent_of
from gateway.routing.models import Revision, Toggle
from gateway.routing.steering import Setting
from gateway.routing.table import Side

_SERVICES = {"products": ("Product API", "inventory_2"), "orders": ("Order API", "receipt_long")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What the service has of something; the monolith has the rest."""

    name: str
    percent: Decimal

    @property
    def rest(self) -> Decimal:
        return 100 - self.percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One capability on the page."""

    toggle: Toggle
    side: Side | None
    """Who has all of it; None where it is shared."""
    shares: tuple[Share, ...]
    shadow: Decimal
    service: str
    icon: str
    link: str

    @classmethod
    def of(cls, toggle: Toggle) -> Route:
        service, icon = _SERVICES[toggle.capability]
        return cls(
            toggle=toggle,
            side=Setting.of(toggle).side,
            shares=(
                Share(name="Reads", percent=percent_of(toggle.reads)),
                Share(name="Writes", percent=percent_of(toggle.writes)),
            ),
            shadow=percent_of(toggle.shadow),
            service=service,
            icon=icon,
            link=reverse("admin:routing_toggle_change", args=[toggle.pk]),
        )


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the page's context with the routes in it."""
    toggles = {toggle.capability: toggle for toggle in Toggle.objects.order_by("capability")}
    return {
        **context,
        **followers(),
        "title": "Overview",
        "may_see_routes": request.user.has_perm("routing.view_toggle"),
        "may_test": request.user.has_perm(testers.PERMISSION),
        "active": testers.active(request),
        "routes": [Route.of(toggles[name]) for name in _SERVICES],
    }


def followers() -> dict[str, Any]:
    """Return what there is to say about the last change, and who has followed it."""
    return {"revision": Revision.objects.get(id=1), "adoption": reports.adoption(timezone.now())}
