"""The storefront as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    name = "gateway.storefront"
    label = "storefront"
    verbose_name = "Storefront"
