"""`POST /orders`: what is bought, and what is refused."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from tests.support.shop import (
    ORDERS,
    SHIP_TO,
    STAFF,
    Shop,
    customer,
    error,
    errors,
    line,
    new_key,
    new_sku,
    problem,
)

Errors = list[tuple[str, str, str]]


def test_a_placed_order_has_exactly_these_members_in_this_order(shop: Shop) -> None:
    buyer = customer()
    two, one = (shop.make_product(sku=sku, price="0.35")["sku"] for sku in sorted([new_sku(), new_sku()])[::-1])
    response = shop.place(buyer, [line(two, 3), line(one, 1)])
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response.headers
    order = response.json()
    assert response.headers["Location"] == f"/orders/{order['number']}"
    assert list(order) == ["number", "status", "placed_at", "customer", "ship_to", "lines", "total", "history"]
    assert re.fullmatch(r"TC-[0-9A-HJKMNP-TV-Z]{12}", order["number"])
    assert (order["status"], order["customer"]) == ("placed", buyer.subject)
    assert list(order["ship_to"].items()) == list(SHIP_TO.items())
    assert [entry["sku"] for entry in order["lines"]] == [one, two]
    assert list(order["lines"][1]) == ["sku", "name", "quantity", "unit_price", "total"]
    assert order["lines"][1] == {
        "sku": two,
        "name": f"Thing {two}",
        "quantity": 3,
        "unit_price": {"amount": "0.35", "currency": "GBP"},
        "total": {"amount": "1.05", "currency": "GBP"},
    }
    assert order["total"] == {"amount": "1.40", "currency": "GBP"}
    assert order["history"] == [{"status": "placed", "at": order["placed_at"]}]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", order["placed_at"])
    assert shop.get(response.headers["Location"], by=buyer).json() == order


def test_an_order_takes_its_stock_and_its_reservation_is_confirmed(shop: Shop) -> None:
    buyer = customer()
    order = shop.place_one(buyer, quantity=3, stock=10)
    assert shop.stock(order["lines"][0]["sku"]) == 7
    reservation = shop.get(f"/products/reservations/{order['number']}", by=ORDERS).json()
    assert (reservation["state"], reservation["customer"]) == ("confirmed", buyer.subject)
    assert [(entry["sku"], entry["quantity"]) for entry in reservation["lines"]] == [(order["lines"][0]["sku"], 3)]


def test_the_address_is_kept_without_white_space_around_it(shop: Shop) -> None:
    padded = {name: f" \t{value}\n" for name, value in SHIP_TO.items()}
    response = shop.place(customer(), [line(shop.make_product()["sku"])], ship_to={**padded, "planet": "Earth"})
    assert response.json()["ship_to"] == SHIP_TO


def test_the_address_keeps_every_other_character(shop: Shop) -> None:
    odd = {**SHIP_TO, "name": "Zoë 😀 <b>'\"&", "street": "a\tb\\c"}
    response = shop.place(customer(), [line(shop.make_product()["sku"])], ship_to=odd)
    assert response.json()["ship_to"] == odd


def test_a_hundred_lines_and_the_largest_total_are_exact(shop: Shop) -> None:
    skus = [shop.make_product(price="99999.99", stock=10000)["sku"] for _ in range(3)]
    order = shop.place(customer(), [line(sku, 10000) for sku in skus]).json()
    assert Decimal(order["total"]["amount"]) == Decimal("99999.99") * 30000


LINES: list[tuple[Any, Errors]] = [
    (None, [error("/lines", "null")]),
    ({}, [error("/lines", "invalid")]),
    ("A", [error("/lines", "invalid")]),
    ([], [error("/lines", "empty")]),
    ([line(f"A{n}") for n in range(101)], [error("/lines", "too_many", 100)]),
    ([None], [error("/lines/0", "null")]),
    (["A"], [error("/lines/0", "invalid")]),
    ([[]], [error("/lines/0", "invalid")]),
    ([{}], [error("/lines/0/sku", "required"), error("/lines/0/quantity", "required")]),
    ([{"sku": None, "quantity": None}], [error("/lines/0/sku", "null"), error("/lines/0/quantity", "null")]),
    ([{"sku": 7, "quantity": 1}], [error("/lines/0/sku", "invalid")]),
    ([{"sku": ["A"], "quantity": 1}], [error("/lines/0/sku", "invalid")]),
    ([line("lower")], [error("/lines/0/sku", "invalid")]),
    ([line("A\x00")], [error("/lines/0/sku", "invalid")]),
    ([line("A\n")], [error("/lines/0/sku", "invalid")]),
    ([line("A" * 41)], [error("/lines/0/sku", "invalid")]),
    ([{"sku": "A", "quantity": "3"}], [error("/lines/0/quantity", "invalid")]),
    ([{"sku": "A", "quantity": True}], [error("/lines/0/quantity", "invalid")]),
    ([{"sku": "A", "quantity": 1.5}], [error("/lines/0/quantity", "invalid")]),
    ([{"sku": "A", "quantity": {}}], [error("/lines/0/quantity", "invalid")]),
    ([line("A", 0)], [error("/lines/0/quantity", "too_small", 1)]),
    ([line("A", -(10**30))], [error("/lines/0/quantity", "too_small", 1)]),
    ([line("A", 10001)], [error("/lines/0/quantity", "too_large", 10000)]),
    ([line("A", 10**30)], [error("/lines/0/quantity", "too_large", 10000)]),
    ([line("A"), line("B"), line("A", 2)], [error("/lines/2/sku", "duplicate")]),
    ([line("A"), line("A", 0)], [error("/lines/1/sku", "duplicate"), error("/lines/1/quantity", "too_small", 1)]),
    (
        [line("B", 0), line("a"), line("B")],
        [
            error("/lines/0/quantity", "too_small", 1),
            error("/lines/1/sku", "invalid"),
            error("/lines/2/sku", "duplicate"),
        ],
    ),
]
SHIP_TOS: list[tuple[Any, Errors]] = [
    (None, [error("/ship_to", "null")]),
    ([], [error("/ship_to", "invalid")]),
    ("London", [error("/ship_to", "invalid")]),
    ({}, [error(f"/ship_to/{name}", "required") for name in SHIP_TO]),
    ({**SHIP_TO, "name": None}, [error("/ship_to/name", "null")]),
    ({**SHIP_TO, "name": ""}, [error("/ship_to/name", "blank")]),
    ({**SHIP_TO, "street": " \t\n"}, [error("/ship_to/street", "blank")]),
    ({**SHIP_TO, "street": 7}, [error("/ship_to/street", "invalid")]),
    ({**SHIP_TO, "city": "x" * 201}, [error("/ship_to/city", "too_long", 200)]),
    ({**SHIP_TO, "postcode": "x" * 61}, [error("/ship_to/postcode", "too_long", 60)]),
    ({**SHIP_TO, "country": "x" * 61}, [error("/ship_to/country", "too_long", 60)]),
    ({**SHIP_TO, "country": "a\x00"}, [error("/ship_to/country", "invalid")]),
    ({**SHIP_TO, "city": "\ud83d"}, [error("/ship_to/city", "invalid")]),
    (
        {**SHIP_TO, "country": 1, "name": " ", "city": None},
        [error("/ship_to/name", "blank"), error("/ship_to/city", "null"), error("/ship_to/country", "invalid")],
    ),
]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"lines": lines}, expected) for lines, expected in LINES]
    + [({"ship_to": ship_to}, expected) for ship_to, expected in SHIP_TOS],
)
def test_a_member_that_cannot_be_used_is_pointed_at(shop: Shop, fields: dict[str, Any], expected: Errors) -> None:
    body = {"lines": [line("A")], "ship_to": SHIP_TO, **fields}
    response = shop.post("/orders", by=customer(), json=body, headers={"Idempotency-Key": new_key()})
    assert errors(response) == expected


def test_members_that_are_missing_are_named_in_order(shop: Shop) -> None:
    response = shop.post("/orders", by=customer(), json={}, headers={"Idempotency-Key": new_key()})
    assert errors(response) == [error("/lines", "required"), error("/ship_to", "required")]
    response = shop.post(
        "/orders", by=customer(), json={"ship_to": {}, "lines": []}, headers={"Idempotency-Key": new_key()}
    )
    assert errors(response) == [error("/lines", "empty"), *SHIP_TOS[3][1]]


def test_limits_themselves_are_allowed(shop: Shop) -> None:
    longest = {"name": "n" * 200, "street": "é" * 200, "city": "c" * 200, "postcode": "p" * 60, "country": "c" * 60}
    response = shop.place(customer(), [line(shop.make_product(stock=10000)["sku"], 10000)], ship_to=longest)
    assert (response.status_code, response.json()["ship_to"]) == (201, longest)


def test_products_that_nobody_knows_are_pointed_at_where_the_client_put_them(shop: Shop) -> None:
    known = shop.make_product()["sku"]
    response = shop.place(customer(), [line("ZZ-NONE"), line(known), line("AA-NONE")])
    assert errors(response) == [error("/lines/0/sku", "unknown_product"), error("/lines/2/sku", "unknown_product")]
    assert shop.stock(known) == 10


def test_not_enough_stock_buys_nothing_and_tells_every_shortfall_in_sku_order(shop: Shop) -> None:
    buyer = customer()
    skus = sorted(shop.make_product(stock=2)["sku"] for _ in range(3))
    response = shop.place(buyer, [line(skus[2], 4), line(skus[1], 2), line(skus[0], 3)])
    assert (response.status_code, problem(response)) == (409, "insufficient-stock")
    assert list(response.json()) == ["type", "title", "status", "detail", "shortfalls"]
    assert response.json()["shortfalls"] == [
        {"sku": skus[0], "requested": 3, "available": 2},
        {"sku": skus[2], "requested": 4, "available": 2},
    ]
    assert [shop.stock(sku) for sku in skus] == [2, 2, 2]
    assert shop.get("/orders", by=buyer).json()["count"] == 0


def test_staff_may_buy_as_well(shop: Shop) -> None:
    response = shop.place(STAFF, [line(shop.make_product()["sku"])])
    assert (response.status_code, response.json()["customer"]) == (201, STAFF.subject)


def test_the_last_pieces_are_sold_once(shop: Shop) -> None:
    sku = shop.make_product(stock=5)["sku"]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: shop.place(customer(), [line(sku)]), range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 7
    assert {problem(answer) for answer in answers if answer.status_code == 409} == {"insufficient-stock"}
    assert shop.stock(sku) == 0
