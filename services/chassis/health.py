"""`/healthz`, `/readyz` and `/metrics` for a Django component."""

from __future__ import annotations

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from services.chassis import metrics


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that this process is alive. Touches nothing else, so that a slow database never restarts it."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer whether this process can serve now."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        checks = {"database": type(error).__name__}
        return JsonResponse({"status": "unavailable", "checks": checks}, status=503)
    return JsonResponse({"status": "ok", "checks": {"database": "ok"}})


@require_safe
def expose_metrics(request: HttpRequest) -> HttpResponse:
    """Answer with Prometheus text."""
    body, content_type = metrics.exposition()
    return HttpResponse(body, content_type=content_type)


urlpatterns: list[URLPattern] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", expose_metrics, name="metrics"),
]
