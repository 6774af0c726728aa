"""`GET /products`, `GET /products/{sku}`, `GET /products/categories`."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.shop import STAFF, Shop, error, errors, new_sku, problem

ORDER = ("apple", "Banana", "banana", "Zebra", "_under", "élan", "ZZ top", "10 lamps", "9 lamps")


def _skus(body: dict[str, Any]) -> list[str]:
    return [product["sku"] for product in body["results"]]


@pytest.fixture(scope="module")
def word(shop: Shop) -> str:
    """A word that only this module's products have in their names; nine of them."""
    word = "w" + secrets.token_hex(5)
    for number, name in enumerate(ORDER):
        shop.make_product(
            sku=f"{word.upper()}-{number}",
            name=f"{name} {word}",
            price=f"{10 - number}.00" if number % 2 else "3.50",
            stock=number % 3,
            description="Blue enamel" if number == 4 else "",
        )
    return word


def test_a_product_has_exactly_these_members_in_this_order(shop: Shop) -> None:
    made = shop.make_product(description="Round", price="12.5", stock=7)
    seen = shop.get(f"/products/{made['sku']}").json()
    assert list(seen) == [
        "sku",
        "name",
        "description",
        "category",
        "price",
        "stock",
        "in_stock",
        "created_at",
        "updated_at",
    ]
    assert seen == made
    assert list(seen["price"].items()) == [("amount", "12.50"), ("currency", "GBP")]
    assert (seen["stock"], seen["in_stock"], seen["category"], seen["description"]) == (7, True, None, "Round")
    for moment in (seen["created_at"], seen["updated_at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment)


def test_a_product_without_stock_says_so(shop: Shop) -> None:
    assert shop.make_product(stock=0)["in_stock"] is False


@pytest.mark.parametrize(
    "sku", ["NO-SUCH", "lower", "-A", "A" * 41, "A B", "%00", "A%00", "%ED%A0%80", "A%2FB", "", "A/", "É"]
)
def test_a_name_that_no_product_has_is_a_404(shop: Shop, sku: str) -> None:
    response = shop.get(f"/products/{quote(sku, safe='%/')}")
    assert (response.status_code, problem(response)) == (404, "not-found")


@pytest.mark.parametrize("path", ["/products/", "/products/categories/", "/products/reservations/", "/orders/"])
def test_a_path_that_ends_in_a_slash_is_a_404(shop: Shop, path: str) -> None:
    assert problem(shop.get(path, by=STAFF)) == "not-found"


def test_a_product_with_a_slash_behind_is_a_404(shop: Shop) -> None:
    sku = shop.make_product()["sku"]
    assert problem(shop.get(f"/products/{sku}/")) == "not-found"


def test_a_list_is_an_envelope_with_these_members_in_this_order(shop: Shop, word: str) -> None:
    body = shop.get(f"/products?search={word}").json()
    assert list(body) == ["count", "page", "page_size", "pages", "next", "previous", "results"]
    assert [body[name] for name in list(body)[:6]] == [9, 1, 20, 1, None, None]
    assert len(body["results"]) == 9


def test_a_list_of_nothing_has_one_page(shop: Shop) -> None:
    body = shop.get("/products?search=nothinghasthisname").json()
    assert body == {
        "count": 0,
        "page": 1,
        "page_size": 20,
        "pages": 1,
        "next": None,
        "previous": None,
        "results": [],
    }


def test_links_carry_the_parameters_in_alphabetical_order_with_the_page_replaced(shop: Shop, word: str) -> None:
    body = shop.get(f"/products?search={word}&page_size=2&page=2&ordering=-name&in_stock=true").json()
    assert (body["count"], body["pages"], body["page"]) == (6, 3, 2)
    link = f"/products?in_stock=true&ordering=-name&page={{}}&page_size=2&search={word}"
    assert body["previous"] == link.format(1)
    assert body["next"] == link.format(3)


def test_the_first_page_links_to_the_second_although_it_named_no_page(shop: Shop, word: str) -> None:
    body = shop.get(f"/products?search={word}&page_size=5").json()
    assert (body["previous"], body["next"]) == (None, f"/products?page=2&page_size=5&search={word}")


def test_links_lead_through_every_product_once(shop: Shop, word: str) -> None:
    seen: list[str] = []
    path: str | None = f"/products?search={word}&page_size=4"
    while path:
        body = shop.get(path).json()
        seen += _skus(body)
        path = body["next"]
    assert len(seen) == len(set(seen)) == 9


def test_links_are_escaped_so_that_they_ask_for_the_same(shop: Shop, word: str) -> None:
    own = word[::-1]
    shop.make_product(name=f"salt & pepper=100% {own}")
    shop.make_product(name=f"salt & pepper=100% {own}")
    body = shop.get(f"/products?search=%26+%3D100%25+{own}&page_size=1").json()
    assert (body["count"], body["pages"]) == (2, 2)
    assert shop.get(body["next"]).json()["count"] == 2


@pytest.mark.parametrize("page", ["2", "1000000000", "9" * 30, "9" * 400])
def test_a_page_past_the_last_is_a_404_however_large(shop: Shop, word: str, page: str) -> None:
    response = shop.get(f"/products?search={word}&page={page}")
    assert (response.status_code, problem(response)) == (404, "no-such-page")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("page=0", [error("page", "too_small", 1)]),
        ("page=-1", [error("page", "too_small", 1)]),
        ("page=x", [error("page", "invalid")]),
        ("page=1.0", [error("page", "invalid")]),
        ("page=%D9%A3", [error("page", "invalid")]),
        ("page=1_0", [error("page", "invalid")]),
        ("page=%00", [error("page", "invalid")]),
        ("page_size=0", [error("page_size", "too_small", 1)]),
        ("page_size=101", [error("page_size", "too_large", 100)]),
        ("page_size=99999999999999999999", [error("page_size", "too_large", 100)]),
        ("page_size=all", [error("page_size", "invalid")]),
        (f"search={'x' * 101}", [error("search", "too_long", 100)]),
        ("search=%00", [error("search", "invalid")]),
        ("search=a%00b", [error("search", "invalid")]),
        ("price_min=x", [error("price_min", "invalid")]),
        ("price_min=1.234", [error("price_min", "invalid")]),
        ("price_min=NaN", [error("price_min", "invalid")]),
        ("price_min=Infinity", [error("price_min", "invalid")]),
        ("price_min=1e3", [error("price_min", "invalid")]),
        ("price_max=100000", [error("price_max", "too_large", "99999.99")]),
        ("price_max=100000.00", [error("price_max", "too_large", "99999.99")]),
        ("price_max=%D9%A3", [error("price_max", "invalid")]),
        ("in_stock=yes", [error("in_stock", "invalid")]),
        ("in_stock=TRUE", [error("in_stock", "invalid")]),
        ("in_stock=1", [error("in_stock", "invalid")]),
        ("sku=" + ",".join(f"A{n}" for n in range(101)), [error("sku", "too_many", 100)]),
        ("ordering=stock", [error("ordering", "invalid")]),
        ("ordering=-newest", [error("ordering", "invalid")]),
        ("ordering=name,price", [error("ordering", "invalid")]),
        (
            "page_size=0&page=x&ordering=x&in_stock=x&price_max=x&price_min=x&search=%00",
            [
                error("search", "invalid"),
                error("price_min", "invalid"),
                error("price_max", "invalid"),
                error("in_stock", "invalid"),
                error("ordering", "invalid"),
                error("page", "invalid"),
                error("page_size", "too_small", 1),
            ],
        ),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(shop: Shop, query: str, expected: list[tuple[str, str, str]]) -> None:
    assert errors(shop.get(f"/products?{query}")) == expected


@pytest.mark.parametrize("name", ["price_min", "price_max"])
def test_a_price_below_nothing_is_refused(shop: Shop, name: str) -> None:
    """The page leaves open whether a sign is malformed or too small."""
    ((where, code, _),) = errors(shop.get(f"/products?{name}=-1"))
    assert where == name and code in {"invalid", "too_small"}


def test_a_search_of_a_hundred_characters_is_allowed(shop: Shop) -> None:
    assert shop.get("/products?search=" + quote("ю" * 100)).json()["count"] == 0


def test_search_wants_every_term_ignoring_case_in_name_sku_or_description(shop: Shop, word: str) -> None:
    def found(search: str) -> list[str]:
        return _skus(shop.get(f"/products?search={quote(search)}").json())

    assert found(f"BANANA {word}") == [f"{word.upper()}-1", f"{word.upper()}-2"]
    assert found(f"{word}-4") == [f"{word.upper()}-4"]
    assert found(f"  enAMEL\t{word.upper()} blue\n") == [f"{word.upper()}-4"]
    assert found(f"apple banana {word}") == []
    assert found(f"ÉLAN {word}") == [f"{word.upper()}-5"]


@pytest.mark.parametrize("search", ["%", "_", "\\", "%%%", "' OR 1=1 --", "[a-z]", ".*", "\u00a0", "\ufffd", "😀"])
def test_search_takes_every_character_as_it_is(shop: Shop, word: str, search: str) -> None:
    found = shop.get(f"/products?search={quote(search + ' ' + word)}").json()["count"]
    assert found == {"_": 1, "\u00a0": 9}.get(search, 0)


def test_bytes_that_are_not_utf_8_in_a_query_are_no_error_of_ours(shop: Shop) -> None:
    assert shop.get("/products?search=%FF%FE").status_code in {200, 422}
    assert shop.get("/products?search=%ED%A0%80").status_code in {200, 422}
    assert shop.get("/products?category=%FF").status_code in {200, 422}
    assert shop.get("/products?sku=%FF,%00").status_code in {200, 422}
    assert shop.get("/products?category=%00").status_code in {200, 422}


def test_an_unknown_category_gives_no_results(shop: Shop, word: str) -> None:
    assert shop.get(f"/products?search={word}&category=no-such-category").json()["count"] == 0


def test_a_category_gives_its_products(shop: Shop, category: dict[str, str]) -> None:
    made = shop.make_product(category=category["slug"])
    assert made["category"] == {"slug": category["slug"], "name": category["name"]}
    assert list(made["category"]) == ["slug", "name"]
    body = shop.get(f"/products?category={category['slug']}&search={made['sku']}").json()
    assert _skus(body) == [made["sku"]]


def test_prices_are_compared_inclusively(shop: Shop, word: str) -> None:
    def prices(query: str) -> set[str]:
        body = shop.get(f"/products?search={word}&{query}").json()
        return {product["price"]["amount"] for product in body["results"]}

    assert prices("price_min=5&price_max=7.00") == {"5.00", "7.00"}
    assert prices("price_min=5.01&price_max=6.99") == set()
    assert prices("price_max=3.5") == {"3.00", "3.50"}
    assert prices("price_min=9&price_max=1") == set()
    assert prices("price_min=0&price_max=99999.99") == {"3.00", "3.50", "5.00", "7.00", "9.00"}


def test_in_stock_divides_the_list(shop: Shop, word: str) -> None:
    there = shop.get(f"/products?search={word}&in_stock=true").json()
    gone = shop.get(f"/products?search={word}&in_stock=false").json()
    assert (there["count"], gone["count"]) == (6, 3)
    assert all(product["stock"] > 0 for product in there["results"])
    assert all(product["stock"] == 0 for product in gone["results"])


def test_sku_leaves_out_all_others(shop: Shop, word: str) -> None:
    wanted = f"{word.upper()}-3,{word.upper()}-1,NO-SUCH,lower,,{word.upper()}-1"
    assert sorted(_skus(shop.get(f"/products?sku={wanted}").json())) == [f"{word.upper()}-1", f"{word.upper()}-3"]
    assert shop.get("/products?sku=NO-SUCH").json()["count"] == 0


def test_a_hundred_skus_are_allowed(shop: Shop) -> None:
    assert shop.get("/products?sku=" + ",".join(f"A{n}" for n in range(100))).status_code == 200


def _by_name(product: dict[str, Any]) -> list[int]:
    return [ord(char) for char in product["name"].lower()]


@pytest.mark.parametrize("ordering", ["", "name", "-name", "price", "-price", "newest"])
def test_order_is_total(shop: Shop, word: str, ordering: str) -> None:
    seen = shop.get(f"/products?search={word}&ordering={ordering}").json()["results"]
    by_sku = sorted(seen, key=lambda product: product["sku"])
    if ordering == "newest":
        expected = sorted(by_sku, key=lambda product: product["created_at"], reverse=True)
    elif ordering.endswith("price"):
        expected = sorted(by_sku, key=lambda p: float(p["price"]["amount"]), reverse=ordering.startswith("-"))
    else:
        expected = sorted(by_sku, key=_by_name, reverse=ordering.startswith("-"))
    assert seen == expected


def test_a_repeated_parameter_counts_the_last_time_an_empty_one_not_at_all(shop: Shop, word: str) -> None:
    assert shop.get(f"/products?search=x&search={word}&page_size=1&page_size=3").json()["page_size"] == 3
    assert (
        shop.get(f"/products?search={word}&page_size=&page=&in_stock=&price_min=&sku=&category=").json()["count"] == 9
    )
    assert shop.get(f"/products?search={word}&page_size=3&page_size=").status_code == 200


def test_unknown_parameters_are_ignored(shop: Shop, word: str) -> None:
    assert shop.get(f"/products?search={word}&colour=%00&format=xml").json()["count"] == 9


def test_accept_is_not_negotiated(shop: Shop) -> None:
    response = shop.get("/products", headers={"Accept": "text/html"})
    assert response.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("path", ["/products", "/products/categories"])
def test_head_answers_as_get_without_a_body(shop: Shop, path: str) -> None:
    response = shop.send("HEAD", path)
    assert (response.status_code, response.content) == (200, b"")


def test_head_of_what_is_not_there_is_a_404(shop: Shop) -> None:
    assert shop.send("HEAD", "/products/NO-SUCH").status_code == 404


def test_categories_are_listed_by_name_with_how_many_live_products_each_has(
    shop: Shop, category: dict[str, str]
) -> None:
    def listed() -> dict[str, int]:
        body = shop.get("/products/categories").json()
        assert list(body) == ["results"]
        for entry in body["results"]:
            assert list(entry) == ["slug", "name", "products"]
            assert entry["products"] >= 1
        names = [entry["name"] for entry in body["results"]]
        assert names == sorted(names, key=str.lower) or names == sorted(names)
        return {entry["slug"]: entry["products"] for entry in body["results"]}

    before = listed().get(category["slug"], 0)
    made = shop.make_product(category=category["slug"])
    assert listed()[category["slug"]] == before + 1
    shop.send("DELETE", f"/products/{made['sku']}", by=STAFF)
    assert listed().get(category["slug"], 0) == before


def test_newest_puts_a_new_product_first(shop: Shop, word: str) -> None:
    own = f"new{word[::-1]}"
    older, newer = (shop.make_product(name=f"fresh {own}", sku=new_sku())["sku"] for _ in range(2))
    assert _skus(shop.get(f"/products?search={own}&ordering=newest").json()) == [newer, older]
