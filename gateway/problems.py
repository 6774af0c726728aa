"""The pages that a problem's `type` leads to, and the page for our own failures."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from services.chassis.problems import KINDS


@require_safe
def explain(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what a problem type means."""
    kind = KINDS.get(slug)
    if kind is None:
        raise Http404
    return render(request, "problem.html", {"kind": kind})


def internal(request: HttpRequest) -> HttpResponse:
    """Answer what went wrong here: with 503 while the gateway's database is away, with 500 else.

    Rendered without the request: asking who is logged in may be what went wrong.
    """
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        retry = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
        page = render_to_string("503.html", {"retry": retry})
        return HttpResponse(page, status=503, headers={"Retry-After": "5", "Cache-Control": "no-store"})
    return HttpResponse(render_to_string("500.html"), status=500)
