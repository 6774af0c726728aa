"""Migration as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class MigrationConfig(AppConfig):
    name = "gateway.migration"
    label = "migration"
    verbose_name = "Migration"
