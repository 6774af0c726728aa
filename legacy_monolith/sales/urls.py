"""The paths of sales."""

from __future__ import annotations

from django.urls import path

from legacy_monolith import paths as _converters  # noqa: F401  (registers them)
from legacy_monolith.http import resource
from legacy_monolith.sales import views

urlpatterns = [
    path("orders", resource(GET=views.list_orders, POST=views.place_order)),
    path("orders/<order_number:number>", resource(GET=views.show_order)),
    path("orders/<order_number:number>/cancel", resource(POST=views.cancel_order)),
    path("orders/<order_number:number>/status", resource(POST=views.change_order_status)),
    path("orders/<order_number:number>/settle", resource(POST=views.settle_order)),
]
