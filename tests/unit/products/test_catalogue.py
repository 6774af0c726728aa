"""The catalogue: lists, products, categories, changes; and how many queries each takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from services.products import catalogue
from services.products.models import Category, Product
from tests.support.rest import Api, at_once, body, errors, problem
from tests.unit.products.conftest import MakeProduct

pytestmark = pytest.mark.django_db

GBP = {"amount": "1.00", "currency": "GBP"}
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_a_product_is_shown_with_the_contracts_members(
    anyone: Api, make_product: MakeProduct, lamps: Category, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_product("LAMP-1", name="Lamp", description="Round", category=lamps, price=Decimal("12.5"), stock=7, now=NOW)
    with django_assert_num_queries(1):
        shown = body(anyone.get("/products/LAMP-1"))
    assert list(shown.items()) == [
        ("sku", "LAMP-1"),
        ("name", "Lamp"),
        ("description", "Round"),
        ("category", {"slug": "lamps", "name": "Lamps"}),
        ("price", {"amount": "12.50", "currency": "GBP"}),
        ("stock", 7),
        ("in_stock", True),
        ("created_at", "2026-11-23T10:00:00.000000Z"),
        ("updated_at", "2026-11-23T10:00:00.000000Z"),
    ]


@pytest.mark.parametrize("products", [1, 20])
def test_a_page_takes_two_queries_however_many_products_it_has(
    anyone: Api,
    make_product: MakeProduct,
    lamps: Category,
    django_assert_num_queries: DjangoAssertNumQueries,
    products: int,
) -> None:
    for number in range(products):
        make_product(f"A-{number}", category=lamps)
    with django_assert_num_queries(2):
        page = body(anyone.get("/products?search=thing&category=lamps&in_stock=true&ordering=-price"))
    assert page["count"] == len(page["results"]) == products


def test_an_empty_list_takes_one_query(anyone: Api, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        assert body(anyone.get("/products"))["results"] == []


def test_names_are_ordered_in_lower_case_by_code_point_and_ties_by_sku(anyone: Api, make_product: MakeProduct) -> None:
    names = ["Zebra", "apple", "_x", "élan", "ÉLAN", "Ärger", "banana", "Banana", "10", "9"]
    for number, name in enumerate(names):
        make_product(f"S{number}", name=name)
    expected = sorted(range(len(names)), key=lambda n: (names[n].lower(), f"S{n}"))
    seen = [product["sku"] for product in body(anyone.get("/products"))["results"]]
    assert seen == [f"S{n}" for n in expected]


def test_search_ignores_the_case_of_every_alphabet(anyone: Api, make_product: MakeProduct) -> None:
    make_product("A", name="ÉLAN Ωmega", description="100% wool_blend")
    for search in ("élan ωMEGA", "100%25", "l_b", "a"):
        assert body(anyone.get(f"/products?search={search}"))["count"] == 1, search
    for search in ("wool%25", "elan", "omega%0Ba"):
        assert body(anyone.get(f"/products?search={search}"))["count"] == 0, search


def test_categories_take_one_query_and_leave_out_the_empty(
    anyone: Api, make_product: MakeProduct, lamps: Category, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Category.objects.create(slug="empty", name="Empty")
    gone = Category.objects.create(slug="gone", name="Gone")
    make_product("A", category=lamps)
    make_product("B", category=lamps)
    make_product("C", category=gone)
    catalogue.delete(sku="C", now=NOW)
    with django_assert_num_queries(1):
        found = body(anyone.get("/products/categories"))
    assert found == {"results": [{"slug": "lamps", "name": "Lamps", "products": 2}]}


def test_creating_takes_these_queries(
    staff: Api, lamps: Category, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # The category, a savepoint and its end, the row, the answer.
    with django_assert_num_queries(9):
        response = staff.post("/products", {"sku": "A", "name": "Lamp", "category": "lamps", "price": GBP})
    assert (response.status_code, response.headers["Location"]) == (201, "/products/A")


def test_changing_and_deleting_take_these_queries(
    staff: Api, make_product: MakeProduct, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_product("A")
    with django_assert_num_queries(8):
        assert body(staff.patch("/products/A", {"stock": 3}))["stock"] == 3
    with django_assert_num_queries(7):
        assert staff.patch("/products/A", {}).status_code == 200
    with django_assert_num_queries(7):
        assert staff.delete("/products/A").status_code == 204


def test_a_change_moves_the_moment_of_the_last_change_and_nothing_else(make_product: MakeProduct) -> None:
    before = make_product("A", now=NOW)
    after = catalogue.change(sku="A", changes={"name": "New"}, now=NOW + timedelta(seconds=1))
    assert after == {**before, "name": "New", "updated_at": "2026-11-23T10:00:01.000000Z"}


def test_a_deleted_product_is_gone_and_keeps_its_sku(staff: Api, make_product: MakeProduct) -> None:
    make_product("A")
    assert staff.delete("/products/A").status_code == 204
    for response in (staff.get("/products/A"), staff.delete("/products/A"), staff.patch("/products/A", {"stock": 1})):
        assert problem(response) == "not-found"
    assert body(staff.get("/products"))["count"] == 0
    assert problem(staff.post("/products", {"sku": "A", "name": "Lamp", "price": GBP})) == "sku-taken"


def test_an_unknown_category_is_named_among_the_other_errors(staff: Api) -> None:
    members = {"sku": "a", "name": "", "category": "none", "price": GBP, "stock": -1}
    assert errors(staff.post("/products", members)) == [
        ("/sku", "invalid"),
        ("/name", "blank"),
        ("/category", "unknown_category"),
        ("/stock", "too_small"),
    ]


@pytest.mark.parametrize(
    "column",
    [{"price": "0.00"}, {"price": "100000.00"}, {"stock": -1}, {"sku": "lower"}, {"name": ""}],
    ids=lambda column: next(iter(column)),
)
def test_the_database_refuses_what_no_product_can_be(make_product: MakeProduct, column: dict[str, Any]) -> None:
    make_product("A")
    with pytest.raises(Exception) as caught, transaction.atomic():  # noqa: PT011
        Product.objects.update(**column)
    assert isinstance(caught.value, IntegrityError) or "numeric field overflow" in str(caught.value)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_want_a_sku_one_gets_it() -> None:
    members = {"sku": "A", "name": "Lamp", "price": GBP}
    found = at_once(8, lambda _: Api("s", "products:write").post("/products", members).status_code)
    assert sorted(found) == [201] + [409] * 7
