"""Every path that the monolith answers."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from services.chassis import health

admin.site.site_header = admin.site.site_title = "TechCommerce monolith"
admin.site.index_title = "Catalogue and sales"
# "View site" would lead to a path that answers nothing here.
admin.site.site_url = None

urlpatterns = [
    *health.urlpatterns,
    path("admin/", admin.site.urls),
    path("", include("legacy_monolith.catalogue.urls")),
    path("", include("legacy_monolith.sales.urls")),
]

handler400 = "services.chassis.views.bad_request"
handler404 = "services.chassis.views.not_found"
handler500 = "services.chassis.views.internal"
