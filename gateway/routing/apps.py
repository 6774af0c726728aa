"""Routing as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "gateway.routing"
    label = "routing"
    verbose_name = "Routing"
