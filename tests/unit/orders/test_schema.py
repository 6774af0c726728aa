"""The OpenAPI file: current, valid, and true of what is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.openapi import OpenApiFile, check, require_complete_operations
from tests.support.rest import Api, body
from tests.unit.orders.conftest import SHIP_TO, Place

FILE = OpenApiFile("orders")


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
    document: dict[str, Any], buyer: Api, service: Api, place: Place
) -> None:
    members = {"lines": [{"sku": "A", "quantity": 1}], "ship_to": SHIP_TO}
    check(document, "OrderRequest", members)
    check(document, "Order", body(buyer.post("/orders", members, headers={"Idempotency-Key": "k"})))
    number = place(key="other").number
    check(document, "Settlement", body(service.post(f"/orders/{number}/settle", {"customer": "c-1"})))
    check(document, "Order", body(buyer.post(f"/orders/{number}/cancel")))
    check(document, "OrderPage", body(buyer.get("/orders?page_size=1")))
    check(document, "Problem", body(buyer.get("/orders?page=0")))
