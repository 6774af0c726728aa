"""The app's registration."""

from __future__ import annotations

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "legacy_monolith.catalogue"
    label = "catalogue"
