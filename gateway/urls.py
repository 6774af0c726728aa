"""Where the gateway's own pages are. `/healthz` and `/readyz` are answered before Django: see gateway/health.py."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from gateway import problems
from services.chassis import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("metrics", health.expose_metrics, name="metrics"),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("account/", include("gateway.accounts.urls")),
    path("problems/<slug:slug>", problems.explain, name="problem"),
    path("", include("gateway.storefront.urls")),
]

handler400 = "gateway.storefront.views.errors.bad_request"
handler403 = "gateway.storefront.views.errors.forbidden"
handler404 = "gateway.storefront.views.errors.not_found"
handler500 = "gateway.problems.internal"
