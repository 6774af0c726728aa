"""The OpenAPI file: current, valid, and true of what is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.products.models import Category
from tests.support.openapi import OpenApiFile, check, require_complete_operations
from tests.support.rest import Api, body
from tests.unit.products.conftest import MakeProduct

FILE = OpenApiFile("products")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return FILE.document()


def test_the_file_is_what_the_code_says_and_valid(tmp_path: Path) -> None:
    FILE.require_current(tmp_path / "openapi.yaml")


def test_the_file_is_served_beside_the_api() -> None:
    FILE.require_served()


def test_every_operation_says_who_may_and_how_it_can_fail(document: dict[str, Any]) -> None:
    require_complete_operations(document)


@pytest.mark.django_db
def test_answers_are_as_the_file_describes_them(
    document: dict[str, Any], anyone: Api, service: Api, make_product: MakeProduct, lamps: Category
) -> None:
    make_product("A", category=lamps)
    make_product("B")
    members = {"order": "TC-1", "customer": "c", "lines": [{"sku": "A", "quantity": 1}]}
    check(document, "ReservationRequest", members)
    check(document, "Reservation", body(service.post("/products/reservations", members)))
    check(document, "ProductPage", body(anyone.get("/products?page_size=1")))
    check(document, "Product", body(anyone.get("/products/B")))
    check(document, "CategoryList", body(anyone.get("/products/categories")))
    check(document, "Problem", body(anyone.get("/products?page=0")))
    check(
        document,
        "Problem",
        body(
            service.post(
                "/products/reservations", {**members, "order": "TC-2", "lines": [{"sku": "B", "quantity": 99}]}
            )
        ),
    )
