"""legacy_monolith.catalogue: finding products, and what operators do to them, through the views."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from legacy_monolith.catalogue.models import Category, Product
from tests.unit.legacy_monolith.conftest import Api

pytestmark = pytest.mark.django_db

PRICE = {"amount": "12.50", "currency": "GBP"}


def skus(answer: Any) -> list[str]:
    return [product["sku"] for product in answer.json()["results"]]


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(e.get("pointer") or e["parameter"], e["code"]) for e in answer.json()["errors"]]


def test_a_product_has_the_contracts_members_in_order(api: Api, shop: dict[str, Product]) -> None:
    shown = api("GET", "/products/LAMP").json()
    assert list(shown) == [
        "sku", "name", "description", "category", "price", "stock", "in_stock", "created_at", "updated_at",
    ]  # fmt: skip
    assert shown["price"] == {"amount": "20.00", "currency": "GBP"}
    assert (shown["stock"], shown["in_stock"]) == (10, True)
    assert shown["category"] == {"slug": "office", "name": "Office"}
    assert len(shown["created_at"]) == len("2026-11-23T10:00:00.000000Z")


def test_lists_are_ordered_by_name_in_lower_case_then_by_sku(api: Api, db: None) -> None:
    for code, title in (("B", "apple"), ("A", "Apple"), ("C", "Zebra"), ("D", "banana"), ("E", "Éclair")):
        Product.objects.create(code=code, title=title, price_cents=100)
    assert skus(api("GET", "/products")) == ["A", "B", "D", "C", "E"]
    assert skus(api("GET", "/products?ordering=-name")) == ["E", "C", "D", "A", "B"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["LAMP", "MUG", "DESK"]),
        ("search=HERON", ["LAMP"]),
        ("search=heron+lamp", ["LAMP"]),
        ("search=lamp+desk", []),
        ("search=+++", ["LAMP", "MUG", "DESK"]),
        ("search=%25", []),
        ("search=_", []),
        ("search=mug", ["MUG"]),
        ("category=office&ordering=price", ["MUG", "LAMP", "DESK"]),
        ("category=none", []),
        ("price_min=20&price_max=20.00", ["LAMP"]),
        ("price_min=100&price_max=1", []),
        ("in_stock=true", ["LAMP", "DESK"]),
        ("in_stock=false", ["MUG"]),
        ("sku=MUG,DESK,NOPE,%20,low", ["MUG", "DESK"]),
        ("ordering=-price", ["DESK", "LAMP", "MUG"]),
        ("ordering=newest", ["MUG", "DESK", "LAMP"]),
        ("in_stock=&sku=&ordering=&page=", ["LAMP", "MUG", "DESK"]),
        ("in_stock=true&in_stock=false", ["MUG"]),
        ("unknown=1", ["LAMP", "MUG", "DESK"]),
    ],
)
def test_lists_leave_what_was_asked_for(api: Api, shop: object, query: str, found: list[str]) -> None:
    assert skus(api("GET", f"/products?{query}")) == found


def test_every_parameter_that_cannot_be_used_is_named_in_the_contracts_order(api: Api, db: None) -> None:
    query = (
        "page_size=0&page=x&ordering=cheap&sku=%00&in_stock=1&price_max=100000&price_min=-1&category=%00&search="
        + "x" * 101
    )
    assert codes(api("GET", f"/products?{query}")) == [
        ("search", "too_long"),
        ("category", "invalid"),
        ("price_min", "invalid"),
        ("price_max", "too_large"),
        ("in_stock", "invalid"),
        ("sku", "invalid"),
        ("ordering", "invalid"),
        ("page", "invalid"),
        ("page_size", "too_small"),
    ]


@pytest.mark.parametrize("page", ["2", "1000000000", "1" + "0" * 40])
def test_a_page_past_the_last_is_none_however_large(api: Api, shop: object, page: str) -> None:
    answer = api("GET", f"/products?page={page}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-page")


def test_a_list_takes_two_queries(api: Api, shop: object, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        assert len(skus(api("GET", "/products"))) == 3


def test_categories_count_live_products_and_empty_ones_are_left_out(api: Api, shop: dict[str, Product]) -> None:
    Category.objects.create(slug="empty", name="Empty")
    Product.objects.filter(code="MUG").update(active=False)
    assert api("GET", "/products/categories").json() == {
        "results": [{"slug": "office", "name": "Office", "products": 2}]
    }


def test_a_created_product_is_there(api: Api, shop: object) -> None:
    answer = api("POST", "/products", {"sku": "NEW-1", "name": "New", "price": PRICE, "sth": 1}, who="operator")
    assert (answer.status_code, answer["Location"]) == (201, "/products/NEW-1")
    assert answer.json() == api("GET", "/products/NEW-1").json()
    assert answer.json()["description"] == "" and answer.json()["category"] is None and answer.json()["stock"] == 0


def test_a_draft_is_told_everything_that_is_wrong_with_it(api: Api, shop: object) -> None:
    bad = {
        "sku": "low",
        "name": " ",
        "description": "x" * 2001,
        "category": "nope",
        "price": {"amount": 5, "currency": "EUR"},
        "stock": 1_000_001,
    }
    assert codes(api("POST", "/products", bad, who="operator")) == [
        ("/sku", "invalid"),
        ("/name", "blank"),
        ("/description", "too_long"),
        ("/category", "unknown_category"),
        ("/price/amount", "invalid"),
        ("/price/currency", "invalid"),
        ("/stock", "too_large"),
    ]
    assert codes(api("POST", "/products", {"price": None, "category": 1}, who="operator")) == [
        ("/sku", "required"),
        ("/name", "required"),
        ("/category", "invalid"),
        ("/price", "null"),
    ]


def test_a_sku_is_taken_even_by_a_product_that_is_gone(api: Api, shop: object) -> None:
    assert api("DELETE", "/products/LAMP", who="operator").status_code == 204
    assert api("GET", "/products/LAMP").status_code == 404
    assert api("DELETE", "/products/LAMP", who="operator").status_code == 404
    answer = api("POST", "/products", {"sku": "LAMP", "name": "Other", "price": PRICE}, who="operator")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/sku-taken")


def test_a_patch_changes_what_it_names_and_nothing_else(api: Api, shop: object) -> None:
    before = api("GET", "/products/LAMP").json()
    after = api("PATCH", "/products/LAMP", {"sku": "X", "price": PRICE, "category": None}, who="operator").json()
    assert after["updated_at"] > before["updated_at"]
    assert after == before | {"price": PRICE, "category": None, "updated_at": after["updated_at"]}
    assert api("PATCH", "/products/LAMP", {}, who="operator").json() == after


@pytest.mark.parametrize(
    "columns", [{"qty": -1}, {"price_cents": 0}, {"price_cents": 10_000_000}, {"title": ""}, {"code": "low"}]
)
def test_the_database_refuses_what_no_product_can_be(shop: object, columns: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(code="LAMP").update(**columns)
