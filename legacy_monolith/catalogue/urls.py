"""The catalogue's paths."""

from __future__ import annotations

from django.urls import path

from legacy_monolith import paths as _converters  # noqa: F401  (registers them)
from legacy_monolith.catalogue import views
from legacy_monolith.http import resource

urlpatterns = [
    path("products", resource(GET=views.list_products, POST=views.create_product)),
    path("products/categories", resource(GET=views.list_categories)),
    path("products/reservations", resource(POST=views.create_reservation)),
    path("products/reservations/<order_number:order>", resource(GET=views.show_reservation)),
    path("products/reservations/<order_number:order>/confirm", resource(POST=views.confirm_reservation)),
    path("products/reservations/<order_number:order>/release", resource(POST=views.release_reservation)),
    path(
        "products/<sku:sku>",
        resource(GET=views.show_product, PATCH=views.change_product, DELETE=views.delete_product),
    ),
]
