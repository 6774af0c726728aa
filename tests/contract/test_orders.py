"""`GET /orders`, `GET /orders/{number}`, cancelling, status changes, settling."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.shop import (
    LEGACY,
    ORDERS,
    PRODUCTS,
    STAFF,
    Caller,
    Shop,
    customer,
    error,
    errors,
    line,
    new_key,
    new_number,
    problem,
)
from tests.support.system import System

STATUSES = ("placed", "paid", "shipped", "delivered", "cancelled", "refunded")
WAYS: dict[str, tuple[str, ...]] = {
    "placed": (),
    "paid": ("paid",),
    "shipped": ("paid", "shipped"),
    "delivered": ("paid", "shipped", "delivered"),
    "cancelled": ("cancelled",),
    "refunded": ("paid", "shipped", "delivered", "refunded"),
}
ALLOWED = {
    ("placed", "paid"),
    ("placed", "cancelled"),
    ("paid", "shipped"),
    ("paid", "cancelled"),
    ("shipped", "delivered"),
    ("delivered", "refunded"),
}


def _numbers(response: httpx.Response) -> list[str]:
    return [order["number"] for order in response.json()["results"]]


@pytest.fixture(scope="module")
def stocked(shop: Shop) -> str:
    sku: str = shop.make_product(stock=100_000)["sku"]
    return sku


def _order(shop: Shop, sku: str, buyer: Caller) -> str:
    response = shop.place(buyer, [line(sku)])
    assert response.status_code == 201, response.text
    number: str = response.json()["number"]
    return number


def test_a_customer_sees_own_orders_only_newest_first(shop: Shop, stocked: str) -> None:
    buyer, other = customer(), customer()
    mine = [_order(shop, stocked, buyer) for _ in range(3)]
    _order(shop, stocked, other)
    response = shop.get("/orders", by=buyer)
    assert list(response.json()) == ["count", "page", "page_size", "pages", "next", "previous", "results"]
    assert _numbers(response) == mine[::-1]
    assert response.json()["results"][0] == shop.get(f"/orders/{mine[2]}", by=buyer).json()


def test_a_customer_cannot_ask_for_anothers_orders(shop: Shop, stocked: str) -> None:
    buyer, other = customer(), customer()
    _order(shop, stocked, other)
    assert shop.get(f"/orders?customer={other.subject}", by=buyer).json()["count"] == 0


def test_staff_see_everyones_orders_and_can_ask_for_one_customers(shop: Shop, stocked: str) -> None:
    buyer = customer()
    number = _order(shop, stocked, buyer)
    assert number in _numbers(shop.get("/orders", by=STAFF))
    assert _numbers(shop.get(f"/orders?customer={buyer.subject}", by=STAFF)) == [number]
    assert shop.get("/orders?customer=nobody", by=STAFF).json()["count"] == 0
    assert shop.get(f"/orders/{number}", by=STAFF).status_code == 200


def test_orders_can_be_asked_for_by_status(shop: Shop, stocked: str) -> None:
    buyer = customer()
    placed, paid = _order(shop, stocked, buyer), _order(shop, stocked, buyer)
    shop.move(paid, "paid")
    assert _numbers(shop.get("/orders?status=paid", by=buyer)) == [paid]
    assert _numbers(shop.get("/orders?status=placed", by=buyer)) == [placed]
    assert _numbers(shop.get("/orders?status=", by=buyer)) == [paid, placed]
    assert _numbers(shop.get("/orders?status=refunded", by=buyer)) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=new", [error("status", "invalid")]),
        ("status=PAID", [error("status", "invalid")]),
        ("status=%00", [error("status", "invalid")]),
        ("page=0", [error("page", "too_small", 1)]),
        ("page_size=101", [error("page_size", "too_large", 100)]),
        (
            "page_size=x&page=x&status=x",
            [error("status", "invalid"), error("page", "invalid"), error("page_size", "invalid")],
        ),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(shop: Shop, query: str, expected: list[tuple[str, str, str]]) -> None:
    assert errors(shop.get(f"/orders?{query}", by=customer())) == expected


@pytest.mark.parametrize("page", ["2", "1000000000", "9" * 300])
def test_a_page_past_the_last_is_a_404(shop: Shop, page: str) -> None:
    assert problem(shop.get(f"/orders?page={page}", by=customer())) == "no-such-page"


def test_an_odd_customer_name_is_no_error_of_ours(shop: Shop) -> None:
    for name in ("%00", "x" * 200, "%FF"):
        assert shop.get(f"/orders?customer={name}", by=STAFF).status_code in {200, 422}


def test_pages_of_orders_link_to_each_other(shop: Shop, stocked: str) -> None:
    buyer = customer()
    mine = [_order(shop, stocked, buyer) for _ in range(3)]
    first = shop.get("/orders?page_size=2&status=placed", by=buyer)
    assert first.json()["next"] == "/orders?page=2&page_size=2&status=placed"
    second = shop.get(first.json()["next"], by=buyer)
    assert second.json()["previous"] == "/orders?page=1&page_size=2&status=placed"
    assert _numbers(first) + _numbers(second) == mine[::-1]


@pytest.mark.parametrize("number", ["NO-SUCH-ORDER", "lower-case", "AB", "A" * 41, "A_BC", "%00000", "TC-%ED%A0%80"])
def test_an_order_that_is_not_there_is_a_404(shop: Shop, number: str) -> None:
    for response in (
        shop.get(f"/orders/{number}", by=STAFF),
        shop.post(f"/orders/{number}/cancel", by=customer()),
        shop.post(f"/orders/{number}/status", by=STAFF, json={"status": "paid"}),
    ):
        assert (response.status_code, problem(response)) == (404, "not-found")


def test_another_customers_order_is_a_404(shop: Shop, stocked: str) -> None:
    number = _order(shop, stocked, customer())
    stranger = customer()
    assert problem(shop.get(f"/orders/{number}", by=stranger)) == "not-found"
    assert problem(shop.post(f"/orders/{number}/cancel", by=stranger)) == "not-found"
    assert shop.get(f"/orders/{number}", by=STAFF).json()["status"] == "placed"


def test_head_answers_as_get_without_a_body(shop: Shop, stocked: str) -> None:
    buyer = customer()
    number = _order(shop, stocked, buyer)
    for path in ("/orders", f"/orders/{number}"):
        response = shop.send("HEAD", path, by=buyer)
        assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("first", ["placed", "paid"])
def test_a_cancelled_order_gives_its_stock_back_once(shop: Shop, first: str) -> None:
    buyer = customer()
    order = shop.place_one(buyer, quantity=4, stock=10)
    number, sku = order["number"], order["lines"][0]["sku"]
    shop.move(number, *WAYS[first])
    response = shop.post(f"/orders/{number}/cancel", by=buyer)
    assert response.status_code == 200
    cancelled = response.json()
    assert cancelled["status"] == "cancelled"
    assert [entry["status"] for entry in cancelled["history"]] == ["placed", *WAYS[first], "cancelled"]
    assert shop.stock(sku) == 10
    again = shop.post(f"/orders/{number}/cancel", by=buyer)
    assert (again.status_code, again.json()) == (200, cancelled)
    assert shop.stock(sku) == 10
    reservation = shop.get(f"/products/reservations/{number}", by=ORDERS).json()
    assert reservation["state"] == "released"


@pytest.mark.parametrize("content", [b"", b"not json", b"{}"])
def test_cancelling_needs_no_body(shop: Shop, stocked: str, content: bytes) -> None:
    buyer = customer()
    number = _order(shop, stocked, buyer)
    headers = {"Content-Type": "text/plain"} if content else {}
    assert shop.post(f"/orders/{number}/cancel", by=buyer, content=content, headers=headers).status_code == 200


@pytest.mark.parametrize("first", ["shipped", "delivered", "refunded"])
def test_an_order_on_its_way_cannot_be_cancelled(shop: Shop, stocked: str, first: str) -> None:
    buyer = customer()
    number = _order(shop, stocked, buyer)
    shop.move(number, *WAYS[first])
    response = shop.post(f"/orders/{number}/cancel", by=buyer)
    assert (response.status_code, problem(response)) == (409, "illegal-transition")
    assert list(response.json()) == ["type", "title", "status", "detail", "from", "to"]
    assert (response.json()["from"], response.json()["to"]) == (first, "cancelled")


def test_cancelling_at_the_same_time_gives_the_stock_back_once(shop: Shop) -> None:
    buyer = customer()
    order = shop.place_one(buyer, quantity=4, stock=10)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: shop.post(f"/orders/{order['number']}/cancel", by=buyer), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(answers[0].json()["history"]) == 2
    assert shop.stock(order["lines"][0]["sku"]) == 10


@pytest.mark.parametrize("first", STATUSES)
def test_only_the_tables_status_changes_are_possible(shop: Shop, stocked: str, first: str) -> None:
    for wanted in STATUSES:
        number = _order(shop, stocked, customer())
        shop.move(number, *WAYS[first])
        before = shop.get(f"/orders/{number}", by=STAFF).json()
        response = shop.post(f"/orders/{number}/status", by=STAFF, json={"status": wanted})
        if wanted == first:
            assert (response.status_code, response.json()) == (200, before)
        elif (first, wanted) in ALLOWED:
            assert (response.status_code, response.json()["status"]) == (200, wanted)
            assert response.json()["history"][:-1] == before["history"]
            assert response.json()["history"][-1]["status"] == wanted
            moments = [entry["at"] for entry in response.json()["history"]]
            assert moments == sorted(moments)
        else:
            assert (response.status_code, problem(response)) == (409, "illegal-transition")
            assert (response.json()["from"], response.json()["to"]) == (first, wanted)
            assert shop.get(f"/orders/{number}", by=STAFF).json() == before


def test_staff_cancelling_by_status_gives_the_stock_back(shop: Shop) -> None:
    order = shop.place_one(customer(), quantity=4, stock=10)
    shop.move(order["number"], "cancelled")
    assert shop.stock(order["lines"][0]["sku"]) == 10


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"status": None}, "null"),
        ({"status": 3}, "invalid"),
        ({"status": "PAID"}, "invalid"),
        ({"status": "lost"}, "invalid"),
        ({"status": "\x00"}, "invalid"),
        ({"status": ["paid"]}, "invalid"),
    ],
)
def test_a_status_that_cannot_be_read_is_pointed_at(shop: Shop, stocked: str, body: dict[str, Any], code: str) -> None:
    number = _order(shop, stocked, customer())
    assert errors(shop.post(f"/orders/{number}/status", by=STAFF, json=body)) == [error("/status", code)]


def test_only_staff_change_statuses(shop: Shop, stocked: str) -> None:
    buyer = customer()
    number = _order(shop, stocked, buyer)
    for caller in (buyer, PRODUCTS):
        response = shop.post(f"/orders/{number}/status", by=caller, json={"status": "paid"})
        assert (response.status_code, problem(response)) == (403, "forbidden")


@pytest.mark.parametrize("caller", [ORDERS, PRODUCTS])
def test_services_place_and_see_no_orders(shop: Shop, caller: Caller) -> None:
    body = {"lines": [line("A")], "ship_to": {}}
    for response in (
        shop.post("/orders", by=caller, json=body, headers={"Idempotency-Key": new_key()}),
        shop.get("/orders", by=caller),
    ):
        assert (response.status_code, problem(response)) == (403, "forbidden")


def _settle(shop: Shop, number: str, buyer: str, by: Caller = PRODUCTS) -> httpx.Response:
    return shop.post(f"/orders/{number}/settle", by=by, json={"customer": buyer})


@pytest.mark.parametrize("caller", [PRODUCTS, LEGACY])
def test_an_order_that_exists_is_to_be_confirmed(shop: Shop, stocked: str, caller: Caller) -> None:
    buyer = customer()
    number = _order(shop, stocked, buyer)
    response = _settle(shop, number, buyer.subject, caller)
    assert response.status_code == 200
    assert list(response.json().items()) == [("order", number), ("outcome", "confirm")]
    shop.move(number, "paid", "shipped")
    assert _settle(shop, number, buyer.subject).json()["outcome"] == "confirm"


def test_a_cancelled_order_is_to_be_released(shop: Shop, stocked: str) -> None:
    buyer = customer()
    number = _order(shop, stocked, buyer)
    shop.post(f"/orders/{number}/cancel", by=buyer)
    assert _settle(shop, number, buyer.subject).json() == {"order": number, "outcome": "release"}


def test_an_order_that_nobody_placed_is_to_be_released(shop: Shop) -> None:
    number = new_number()
    for _ in range(2):
        assert _settle(shop, number, "c-1").json() == {"order": number, "outcome": "release"}


def test_an_order_whose_placement_runs_is_to_be_waited_for(shop: Shop, system: System) -> None:
    if shop.owners["orders"] == "monolith":
        return  # One local transaction: until it has committed nobody can know the order's number to ask about.
    buyer, key = customer(), new_key()
    sku = shop.make_product()["sku"]
    answers: list[httpx.Response] = []
    with system.product_locked(shop.owners["products"], sku) as waiting:
        placement = threading.Thread(target=lambda: answers.append(shop.place(buyer, [line(sku)], key=key)))
        placement.start()
        waiting()
        number = system.number_of_key(shop.owners["orders"], buyer.subject, key)
        outcome = _settle(shop, number, buyer.subject).json()["outcome"]
    placement.join(timeout=30)
    assert outcome == "wait"
    assert answers[0].json()["number"] == number
    assert _settle(shop, number, buyer.subject).json()["outcome"] == "confirm"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [error("/customer", "required")]),
        ({"customer": None}, [error("/customer", "null")]),
        ({"customer": 7}, [error("/customer", "invalid")]),
        ({"customer": "c" * 65}, [error("/customer", "too_long", 64)]),
        ({"customer": "\x00"}, [error("/customer", "invalid")]),
    ],
)
def test_a_settlement_that_cannot_be_read_is_pointed_at(
    shop: Shop, body: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    assert errors(shop.post(f"/orders/{new_number()}/settle", by=PRODUCTS, json=body)) == expected


@pytest.mark.parametrize("caller", [customer("c-1"), STAFF, ORDERS])
def test_settling_is_for_services_that_hold_stock(shop: Shop, caller: Caller) -> None:
    response = _settle(shop, new_number(), "c-1", caller)
    assert (response.status_code, problem(response)) == (403, "forbidden")


def test_settling_a_number_that_no_order_can_have_is_a_404(shop: Shop) -> None:
    assert problem(_settle(shop, "lower-case", "c-1")) == "not-found"
