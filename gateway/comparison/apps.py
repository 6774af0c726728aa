"""Comparison as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class ComparisonConfig(AppConfig):
    name = "gateway.comparison"
    label = "comparison"
    verbose_name = "Comparison"
