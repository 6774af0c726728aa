"""The admin's first page: where each capability's traffic goes, and who moved it last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from gateway.routing.live import WATCHER
from gateway.routing.models import Revision, Toggle

_SERVICES = {"products": ("Product API", "inventory_2"), "orders": ("Order API", "receipt_long")}


@dataclass(frozen=True, slots=True)
class Route:
    """One capability on the page."""

    toggle: Toggle
    service: str
    icon: str
    link: str


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the page's context with the routes in it."""
    return {**context, "title": "Overview", "may_see_routes": request.user.has_perm("routing.view_toggle"), **routes()}


def routes() -> dict[str, Any]:
    """Return what there is to say about the routes."""
    toggles = {toggle.capability: toggle for toggle in Toggle.objects.order_by("capability")}
    table = WATCHER.table
    return {
        "routes": [
            Route(
                toggle=toggles[name],
                service=service,
                icon=icon,
                link=reverse("admin:routing_toggle_change", args=[toggles[name].pk]),
            )
            for name, (service, icon) in _SERVICES.items()
        ],
        "revision": Revision.objects.get(id=1),
        "revision_here": table.revision if table else None,
    }
