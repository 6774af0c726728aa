"""The app's registration."""

from __future__ import annotations

from django.apps import AppConfig


class SalesConfig(AppConfig):
    name = "legacy_monolith.sales"
    label = "sales"
