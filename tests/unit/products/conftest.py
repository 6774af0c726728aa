"""Who calls the Product API, and what there is to call it about."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from services.products import catalogue
from services.products.models import Category
from tests.support.rest import Api

MakeProduct = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests write here: what they write has been moved to this side."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("UPDATE ownership_bucket SET owner = 'self'")


@pytest.fixture
def anyone() -> Api:
    return Api()


@pytest.fixture
def staff() -> Api:
    return Api("staff-1", "products:write", kind="staff")


@pytest.fixture
def service() -> Api:
    return Api("service:orders", "products:reserve", kind="service")


@pytest.fixture
def make_product() -> MakeProduct:
    def make(sku: str, **fields: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "name": f"Thing {sku}",
            "description": "",
            "category": None,
            "price": Decimal("2.50"),
            "stock": 10,
            "now": timezone.now(),
        }
        return catalogue.create(sku=sku, **{**given, **fields})

    return make


@pytest.fixture
def lamps(db: None) -> Category:
    return Category.objects.create(slug="lamps", name="Lamps")
