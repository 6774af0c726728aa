"""Every path that the Product API answers."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularYAMLAPIView

from services.chassis import health
from services.chassis.drf import paths
from services.products import views

paths.register()

urlpatterns = [
    *health.urlpatterns,
    path("schema", SpectacularYAMLAPIView.as_view(), name="schema"),
    path("products", views.Products.as_view(), name="products"),
    path("products/categories", views.Categories.as_view(), name="categories"),
    path("products/<sku:sku>", views.Product.as_view(), name="product"),
    path("products/reservations", views.Reservations.as_view(), name="reservations"),
    path("products/reservations/<number:order>", views.Reservation.as_view(), name="reservation"),
    path("products/reservations/<number:order>/confirm", views.Confirmation.as_view(), name="confirm"),
    path("products/reservations/<number:order>/release", views.Release.as_view(), name="release"),
]

handler400 = "services.chassis.views.bad_request"
handler404 = "services.chassis.views.not_found"
handler500 = "services.chassis.views.internal"
