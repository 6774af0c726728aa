"""Every path that the Order API answers."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularYAMLAPIView

from services.chassis import health
from services.chassis.drf import paths
from services.orders import views

paths.register()

urlpatterns = [
    *health.urlpatterns,
    path("schema", SpectacularYAMLAPIView.as_view(), name="schema"),
    path("orders", views.Orders.as_view(), name="orders"),
    path("orders/<number:number>", views.Order.as_view(), name="order"),
    path("orders/<number:number>/cancel", views.Cancellation.as_view(), name="cancel"),
    path("orders/<number:number>/status", views.OrderStatus.as_view(), name="status"),
    path("orders/<number:number>/settle", views.Settlement.as_view(), name="settle"),
]

handler400 = "services.chassis.views.bad_request"
handler404 = "services.chassis.views.not_found"
handler500 = "services.chassis.views.internal"
