"""`POST /products`, `PATCH` and `DELETE /products/{sku}`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.shop import ORDERS, STAFF, Shop, customer, error, errors, line, new_number, new_sku, problem

GBP = {"amount": "1.00", "currency": "GBP"}
Errors = list[tuple[str, str, str]]


def _body(**fields: Any) -> dict[str, Any]:
    return {"sku": new_sku(), "name": "Lamp", "price": GBP, **fields}


def test_a_new_product_is_answered_with_its_place(shop: Shop) -> None:
    body = _body()
    response = shop.post("/products", by=STAFF, json=body)
    assert response.status_code == 201
    assert response.headers["Location"] == f"/products/{body['sku']}"
    made = response.json()
    assert (made["description"], made["category"], made["stock"], made["in_stock"]) == ("", None, 0, False)
    assert shop.get(response.headers["Location"]).json() == made


PRICES: list[tuple[Any, Errors]] = [
    (None, [error("/price", "null")]),
    ("1.00", [error("/price", "invalid")]),
    ([], [error("/price", "invalid")]),
    ({}, [error("/price/amount", "required"), error("/price/currency", "required")]),
    ({"amount": None, "currency": None}, [error("/price/amount", "null"), error("/price/currency", "null")]),
    ({"amount": 1, "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": True, "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": "1.234", "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": "1,00", "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": "NaN", "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": "1e2", "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": " 1", "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": "1\n", "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": "٣", "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": "-1.00", "currency": "GBP"}, [error("/price/amount", "invalid")]),
    ({"amount": "0.00", "currency": "GBP"}, [error("/price/amount", "too_small", "0.01")]),
    ({"amount": "100000.00", "currency": "GBP"}, [error("/price/amount", "too_large", "99999.99")]),
    ({"amount": "1.00", "currency": "USD"}, [error("/price/currency", "invalid")]),
    ({"amount": "1.00", "currency": "gbp"}, [error("/price/currency", "invalid")]),
    ({"amount": "1.00", "currency": 1}, [error("/price/currency", "invalid")]),
    ({"amount": "x", "currency": "x"}, [error("/price/amount", "invalid"), error("/price/currency", "invalid")]),
]
FIELDS: list[tuple[dict[str, Any], Errors]] = [
    ({"sku": "lower"}, [error("/sku", "invalid")]),
    ({"sku": "A" * 41}, [error("/sku", "invalid")]),
    ({"sku": "A\n"}, [error("/sku", "invalid")]),
    ({"sku": "-A"}, [error("/sku", "invalid")]),
    ({"sku": "A/B"}, [error("/sku", "invalid")]),
    ({"sku": "É"}, [error("/sku", "invalid")]),
    ({"sku": 12}, [error("/sku", "invalid")]),
    ({"sku": None}, [error("/sku", "null")]),
    ({"name": None}, [error("/name", "null")]),
    ({"name": ""}, [error("/name", "blank")]),
    ({"name": "   "}, [error("/name", "blank")]),
    ({"name": 7}, [error("/name", "invalid")]),
    ({"name": ["Lamp"]}, [error("/name", "invalid")]),
    ({"name": "x" * 201}, [error("/name", "too_long", 200)]),
    ({"name": "a\x00b"}, [error("/name", "invalid")]),
    ({"name": "a\ud800b"}, [error("/name", "invalid")]),
    ({"description": None}, [error("/description", "null")]),
    ({"description": 7}, [error("/description", "invalid")]),
    ({"description": "x" * 2001}, [error("/description", "too_long", 2000)]),
    ({"description": "\x00"}, [error("/description", "invalid")]),
    ({"description": "\udfff"}, [error("/description", "invalid")]),
    ({"category": "no-such-category"}, [error("/category", "unknown_category")]),
    ({"category": 7}, [error("/category", "invalid")]),
    ({"category": {}}, [error("/category", "invalid")]),
    ({"stock": None}, [error("/stock", "null")]),
    ({"stock": "3"}, [error("/stock", "invalid")]),
    ({"stock": True}, [error("/stock", "invalid")]),
    ({"stock": 1.5}, [error("/stock", "invalid")]),
    ({"stock": [1]}, [error("/stock", "invalid")]),
    ({"stock": -1}, [error("/stock", "too_small", 0)]),
    ({"stock": 1000001}, [error("/stock", "too_large", 1000000)]),
    ({"stock": 10**30}, [error("/stock", "too_large", 1000000)]),
    *[({"price": price}, expected) for price, expected in PRICES],
]


@pytest.mark.parametrize(("fields", "expected"), FIELDS)
def test_a_member_that_cannot_be_used_is_pointed_at(shop: Shop, fields: dict[str, Any], expected: Errors) -> None:
    assert errors(shop.post("/products", by=STAFF, json=_body(**fields))) == expected


@pytest.mark.parametrize(("fields", "expected"), [case for case in FIELDS if "sku" not in case[0]])
def test_a_change_is_held_to_the_same(shop: Shop, thing: str, fields: dict[str, Any], expected: Errors) -> None:
    before = shop.get(f"/products/{thing}").json()
    assert errors(shop.send("PATCH", f"/products/{thing}", by=STAFF, json=fields)) == expected
    assert shop.get(f"/products/{thing}").json() == before


@pytest.fixture(scope="module")
def thing(shop: Shop) -> str:
    sku: str = shop.make_product()["sku"]
    return sku


def test_a_category_of_odd_text_is_refused(shop: Shop) -> None:
    """The page leaves open whether text that cannot be stored is invalid or unknown."""
    for slug in ("\x00", "a\ud800", ""):
        ((where, code, _),) = errors(shop.post("/products", by=STAFF, json=_body(category=slug)))
        assert where == "/category" and code in {"invalid", "unknown_category", "blank"}


def test_every_wrong_member_is_named_in_the_contracts_order(shop: Shop) -> None:
    body = {"stock": "x", "price": "x", "category": 1, "description": 1, "name": "", "sku": "x"}
    assert errors(shop.post("/products", by=STAFF, json=body)) == [
        error("/sku", "invalid"),
        error("/name", "blank"),
        error("/description", "invalid"),
        error("/category", "invalid"),
        error("/price", "invalid"),
        error("/stock", "invalid"),
    ]
    assert errors(shop.post("/products", by=STAFF, json={})) == [
        error("/sku", "required"),
        error("/name", "required"),
        error("/price", "required"),
    ]


@pytest.mark.parametrize("fields", [{"price": {"amount": "0.01", "currency": "GBP"}}, {"stock": 1000000}])
def test_limits_themselves_are_allowed(shop: Shop, fields: dict[str, Any]) -> None:
    body = _body(name="x" * 200, description="é" * 2000, sku=new_sku().ljust(40, "."), **fields)
    assert shop.post("/products", by=STAFF, json=body).status_code == 201
    top = _body(price={"amount": "99999.99", "currency": "GBP"}, stock=0)
    assert shop.post("/products", by=STAFF, json=top).json()["price"]["amount"] == "99999.99"


def test_unknown_members_are_ignored(shop: Shop) -> None:
    body = _body(colour="red", price={**GBP, "tax": 1}, created_at="x", in_stock=7)
    assert shop.post("/products", by=STAFF, json=body).status_code == 201


def test_a_sku_stays_taken_even_when_its_product_is_gone(shop: Shop) -> None:
    sku = shop.make_product()["sku"]
    assert problem(shop.post("/products", by=STAFF, json=_body(sku=sku))) == "sku-taken"
    assert shop.send("DELETE", f"/products/{sku}", by=STAFF).status_code == 204
    response = shop.post("/products", by=STAFF, json=_body(sku=sku))
    assert (response.status_code, problem(response)) == (409, "sku-taken")


def test_a_deleted_product_is_gone_from_every_answer(shop: Shop) -> None:
    sku = shop.make_product()["sku"]
    assert shop.send("DELETE", f"/products/{sku}", by=STAFF).status_code == 204
    assert shop.get(f"/products/{sku}").status_code == 404
    assert shop.get(f"/products?sku={sku}").json()["count"] == 0
    assert shop.get(f"/products?search={sku}").json()["count"] == 0
    assert shop.send("PATCH", f"/products/{sku}", by=STAFF, json={"stock": 3}).status_code == 404
    assert shop.send("DELETE", f"/products/{sku}", by=STAFF).status_code == 404
    assert errors(shop.place(customer(), [line(sku)])) == [error("/lines/0/sku", "unknown_product")]
    body = {"order": new_number(), "customer": "c", "lines": [line(sku)]}
    assert errors(shop.post("/products/reservations", by=ORDERS, json=body)) == [
        error("/lines/0/sku", "unknown_product")
    ]


def test_a_change_touches_what_it_names_and_nothing_else(shop: Shop, category: dict[str, str]) -> None:
    before = shop.make_product(description="Round", category=category["slug"])
    path = f"/products/{before['sku']}"
    response = shop.send("PATCH", path, by=STAFF, json={"name": "Lantern", "sku": "OTHER", "colour": 1})
    assert response.status_code == 200
    after = response.json()
    assert after["updated_at"] > before["updated_at"]
    assert after == {**before, "name": "Lantern", "updated_at": after["updated_at"]}
    assert shop.get(path).json() == after
    assert shop.send("PATCH", path, by=STAFF, json={"category": None}).json()["category"] is None
    assert shop.send("PATCH", path, by=STAFF, json={"stock": 0}).json()["in_stock"] is False
    price = {"amount": "7", "currency": "GBP"}
    assert shop.send("PATCH", path, by=STAFF, json={"price": price}).json()["price"]["amount"] == "7.00"


def test_a_change_of_nothing_is_answered_with_the_product(shop: Shop) -> None:
    sku = shop.make_product()["sku"]
    response = shop.send("PATCH", f"/products/{sku}", by=STAFF, json={})
    assert (response.status_code, response.json()["sku"]) == (200, sku)


def test_a_change_that_is_wrong_is_named_before_a_missing_product(shop: Shop) -> None:
    """Validation comes before state."""
    assert errors(shop.send("PATCH", "/products/NO-SUCH", by=STAFF, json={"stock": -1})) == [
        error("/stock", "too_small", 0)
    ]
    assert problem(shop.send("PATCH", "/products/NO-SUCH", by=STAFF, json={"stock": 1})) == "not-found"


def test_an_old_order_keeps_the_name_and_price_it_was_placed_at(shop: Shop) -> None:
    buyer = customer()
    order = shop.place_one(buyer)
    sku = order["lines"][0]["sku"]
    changes = {"name": "Dearer", "price": {"amount": "9.00", "currency": "GBP"}}
    assert shop.send("PATCH", f"/products/{sku}", by=STAFF, json=changes).status_code == 200
    assert shop.get(f"/orders/{order['number']}", by=buyer).json() == order
