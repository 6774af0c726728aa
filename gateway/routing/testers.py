"""The page where operators get an override: a side of their own choice for their own reads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from gateway import override
from gateway.routing.forms import OverrideForm
from gateway.routing.models import Toggle
from gateway.routing.table import Capability, Side

PERMISSION: Final = "routing.test_sides"


@dataclass(frozen=True, slots=True)
class Active:
    """The override that this browser carries."""

    sides: str
    by: str
    until: datetime


def active(request: HttpRequest) -> Active | None:
    """Return the override in the request's cookie, if it can be believed."""
    grant = _overrides().grant(request.COOKIES.get(override.COOKIE))
    if grant is None:
        return None
    return Active(sides=_said(grant.sides), by=grant.by, until=datetime.fromtimestamp(grant.expires_at, UTC))


def page(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
    """Answer for the page: show the form, give an override, or drop it. PermissionDenied without the permission."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST" and "drop" in request.POST:
        messages.success(request, "This browser is routed like everyone's again.")
        response = HttpResponseRedirect(reverse("admin:routing_toggle_test"))
        response.delete_cookie(override.COOKIE, samesite="Lax")
        return response
    form = OverrideForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        return _given(request, form, context)
    return _shown(request, {**context, "form": form, "active": active(request)})


def _given(request: HttpRequest, form: OverrideForm, context: Mapping[str, Any]) -> HttpResponse:
    lifetime = form.cleaned_data["hours"] * 3600
    now = time.time()
    key = override.private_key(settings.IDENTITY_KEY_FILE)
    token = override.mint(key=key, by=str(request.user), sides=form.sides, lifetime=lifetime, now=now)
    LogEntry.objects.log_actions(
        user_id=str(request.user.pk),
        queryset=Toggle.objects.filter(capability__in=form.sides),
        action_flag=CHANGE,
        change_message=(
            f"Override for {form.cleaned_data['hours']} h, {_said(form.sides)}: {form.cleaned_data['reason']}"
        ),
    )
    until = datetime.fromtimestamp(int(now) + lifetime, UTC)
    given = Active(sides=_said(form.sides), by=str(request.user), until=until)
    response = _shown(
        request, {**context, "form": OverrideForm(), "active": given, "token": token, "header": override.HEADER}
    )
    response.set_cookie(
        override.COOKIE,
        token,
        max_age=lifetime,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _shown(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
    return TemplateResponse(request, "admin/routing/test.html", {**context, "title": "Test a side"})


def _said(sides: Mapping[Capability, Side]) -> str:
    return ", ".join(f"{capability} → {side}" for capability, side in sides.items())


@cache
def _overrides() -> override.Overrides:
    return override.Overrides.from_file(settings.IDENTITY_PUBLIC_KEYS_FILE)
