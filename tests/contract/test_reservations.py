"""`/products/reservations`: what stock is held for which order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.shop import (
    LEGACY,
    ORDERS,
    STAFF,
    Shop,
    customer,
    error,
    errors,
    line,
    new_number,
    new_sku,
    problem,
)

RESERVATIONS = "/products/reservations"


def _reserve(shop: Shop, number: str, *lines: dict[str, Any], buyer: str = "c-1") -> Any:
    return shop.post(RESERVATIONS, by=ORDERS, json={"order": number, "customer": buyer, "lines": list(lines)})


def _held(shop: Shop, *, quantity: int = 3, stock: int = 10) -> tuple[str, str]:
    sku = shop.make_product(stock=stock)["sku"]
    number = new_number()
    assert _reserve(shop, number, line(sku, quantity)).status_code == 201
    return number, sku


def test_a_new_reservation_is_held_and_takes_the_stock(shop: Shop) -> None:
    number = new_number()
    second, first = (shop.make_product(sku=sku, price="1.25")["sku"] for sku in sorted([new_sku(), new_sku()])[::-1])
    response = _reserve(shop, number, line(second, 2), line(first, 3), buyer="c-77")
    assert response.status_code == 201
    body = response.json()
    assert list(body) == ["order", "customer", "state", "expires_at", "lines"]
    assert (body["order"], body["customer"], body["state"]) == (number, "c-77", "held")
    assert [entry["sku"] for entry in body["lines"]] == [first, second]
    assert body["lines"][0] == {
        "sku": first,
        "name": f"Thing {first}",
        "quantity": 3,
        "unit_price": {"amount": "1.25", "currency": "GBP"},
    }
    assert list(body["lines"][0]) == ["sku", "name", "quantity", "unit_price"]
    assert (shop.stock(first), shop.stock(second)) == (7, 8)
    assert shop.get(f"{RESERVATIONS}/{number}", by=ORDERS).json() == body


def test_the_same_again_takes_nothing_more(shop: Shop) -> None:
    number = new_number()
    one, two = shop.make_product()["sku"], shop.make_product()["sku"]
    first = _reserve(shop, number, line(one), line(two))
    again = _reserve(shop, number, line(two), line(one))
    assert (again.status_code, again.json()) == (200, first.json())
    assert (shop.stock(one), shop.stock(two)) == (9, 9)


def test_the_same_again_tells_the_present_state(shop: Shop) -> None:
    number, sku = _held(shop)
    shop.post(f"{RESERVATIONS}/{number}/confirm", by=ORDERS)
    again = _reserve(shop, number, line(sku, 3))
    assert (again.status_code, again.json()["state"]) == (200, "confirmed")


@pytest.mark.parametrize("change", ["quantity", "more", "fewer"])
def test_other_lines_for_the_same_order_are_refused(shop: Shop, change: str) -> None:
    number = new_number()
    one, two, three = (shop.make_product()["sku"] for _ in range(3))
    assert _reserve(shop, number, line(one), line(two)).status_code == 201
    lines = {
        "quantity": [line(one), line(two, 2)],
        "more": [line(one), line(two), line(three)],
        "fewer": [line(one)],
    }[change]
    response = _reserve(shop, number, *lines)
    assert (response.status_code, problem(response)) == (422, "reservation-mismatch")
    assert (shop.stock(one), shop.stock(two), shop.stock(three)) == (9, 9, 10)


def test_products_that_nobody_knows_are_pointed_at_where_they_stand(shop: Shop) -> None:
    known = shop.make_product()["sku"]
    unknown = ["ZZ-" + new_sku(), "AA-" + new_sku()]
    response = _reserve(shop, new_number(), line(unknown[0]), line(known), line(unknown[1]))
    assert errors(response) == [error("/lines/0/sku", "unknown_product"), error("/lines/2/sku", "unknown_product")]
    assert shop.stock(known) == 10


def test_not_enough_holds_nothing_and_tells_every_shortfall_in_sku_order(shop: Shop) -> None:
    skus = sorted(shop.make_product(stock=stock)["sku"] for stock in (2, 2, 2))
    number = new_number()
    response = _reserve(shop, number, line(skus[2], 5), line(skus[1], 2), line(skus[0], 3))
    assert (response.status_code, problem(response)) == (409, "insufficient-stock")
    assert response.json()["shortfalls"] == [
        {"sku": skus[0], "requested": 3, "available": 2},
        {"sku": skus[2], "requested": 5, "available": 2},
    ]
    assert [list(entry) for entry in response.json()["shortfalls"]] == [["sku", "requested", "available"]] * 2
    assert [shop.stock(sku) for sku in skus] == [2, 2, 2]
    assert shop.get(f"{RESERVATIONS}/{number}", by=ORDERS).status_code == 404
    assert _reserve(shop, number, line(skus[0], 2)).status_code == 201


def test_the_last_piece_can_be_had(shop: Shop) -> None:
    _, sku = _held(shop, quantity=3, stock=3)
    assert shop.stock(sku) == 0
    assert problem(_reserve(shop, new_number(), line(sku))) == "insufficient-stock"


def test_a_confirmed_reservation_keeps_its_stock_and_can_be_confirmed_again(shop: Shop) -> None:
    number, sku = _held(shop)
    for _ in range(2):
        response = shop.post(f"{RESERVATIONS}/{number}/confirm", by=ORDERS)
        assert (response.status_code, response.json()["state"]) == (200, "confirmed")
        assert list(response.json()) == ["order", "customer", "state", "expires_at", "lines"]
    assert shop.stock(sku) == 7


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_released_reservation_gives_its_stock_back_once(shop: Shop, confirmed: bool) -> None:
    number, sku = _held(shop)
    if confirmed:
        shop.post(f"{RESERVATIONS}/{number}/confirm", by=ORDERS)
    for _ in range(2):
        response = shop.post(f"{RESERVATIONS}/{number}/release", by=LEGACY)
        assert (response.status_code, response.json()["state"]) == (200, "released")
        assert shop.stock(sku) == 10


def test_a_released_reservation_cannot_be_confirmed_or_had_again(shop: Shop) -> None:
    number, sku = _held(shop)
    shop.post(f"{RESERVATIONS}/{number}/release", by=ORDERS)
    for response in (
        shop.post(f"{RESERVATIONS}/{number}/confirm", by=ORDERS),
        _reserve(shop, number, line(sku, 3)),
    ):
        assert (response.status_code, problem(response)) == (409, "reservation-settled")
        assert response.json()["state"] == "released"
    assert shop.stock(sku) == 10


def test_releases_at_the_same_time_give_the_stock_back_once(shop: Shop) -> None:
    number, sku = _held(shop)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shop.post(f"{RESERVATIONS}/{number}/release", by=ORDERS), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert shop.stock(sku) == 10


def test_reservations_at_the_same_time_for_one_order_take_the_stock_once(shop: Shop) -> None:
    sku = shop.make_product(stock=10)["sku"]
    number = new_number()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _reserve(shop, number, line(sku, 2)), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert shop.stock(sku) == 8


def test_reservations_that_cross_each_other_never_lock_for_good(shop: Shop) -> None:
    one, two = (shop.make_product(stock=100)["sku"] for _ in range(2))

    def reserve(n: int) -> int:
        lines = [line(one), line(two)] if n % 2 else [line(two), line(one)]
        code: int = _reserve(shop, new_number(), *lines).status_code
        return code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(reserve, range(24))) == {201}
    assert (shop.stock(one), shop.stock(two)) == (76, 76)


@pytest.mark.parametrize("act", ["", "/confirm", "/release"])
@pytest.mark.parametrize("number", ["NO-SUCH-ORDER", "lower-case", "AB", "A" * 41, "%00000"])
def test_a_reservation_that_is_not_there_is_a_404(shop: Shop, act: str, number: str) -> None:
    response = shop.send("POST" if act else "GET", f"{RESERVATIONS}/{number}{act}", by=ORDERS)
    assert (response.status_code, problem(response)) == (404, "not-found")


@pytest.mark.parametrize("content", [b"", b"not json", b"{}"])
def test_posts_without_members_need_no_body_and_no_content_type(shop: Shop, content: bytes) -> None:
    number, _ = _held(shop)
    headers = {"Content-Type": "text/plain"} if content else {}
    for act in ("confirm", "release"):
        response = shop.post(f"{RESERVATIONS}/{number}/{act}", by=ORDERS, content=content, headers=headers)
        assert response.status_code == 200


@pytest.mark.parametrize("caller", [customer("c-1"), STAFF])
@pytest.mark.parametrize("act", ["", "/confirm", "/release", "create"])
def test_reservations_are_for_services_only(shop: Shop, caller: Any, act: str) -> None:
    number, sku = _held(shop)
    if act == "create":
        body = {"order": new_number(), "customer": "c", "lines": [line(sku)]}
        response = shop.post(RESERVATIONS, by=caller, json=body)
    else:
        response = shop.send("POST" if act else "GET", f"{RESERVATIONS}/{number}{act}", by=caller)
    assert (response.status_code, problem(response)) == (403, "forbidden")
    assert shop.stock(sku) == 7


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"order": None}, [error("/order", "null")]),
        ({"order": 12345}, [error("/order", "invalid")]),
        ({"order": "lower-case"}, [error("/order", "invalid")]),
        ({"order": "AB"}, [error("/order", "invalid")]),
        ({"customer": None}, [error("/customer", "null")]),
        ({"customer": 5}, [error("/customer", "invalid")]),
        ({"customer": "c" * 65}, [error("/customer", "too_long", 64)]),
        ({"customer": "\x00"}, [error("/customer", "invalid")]),
        ({"lines": None}, [error("/lines", "null")]),
        ({"lines": {}}, [error("/lines", "invalid")]),
        ({"lines": []}, [error("/lines", "empty")]),
        ({"lines": [{"sku": f"A{n}", "quantity": 1} for n in range(101)]}, [error("/lines", "too_many", 100)]),
        ({"lines": ["A"]}, [error("/lines/0", "invalid")]),
        ({"lines": [{}]}, [error("/lines/0/sku", "required"), error("/lines/0/quantity", "required")]),
        ({"lines": [{"sku": "A", "quantity": 0}]}, [error("/lines/0/quantity", "too_small", 1)]),
        ({"lines": [{"sku": "A", "quantity": "1"}]}, [error("/lines/0/quantity", "invalid")]),
        ({"lines": [{"sku": "A", "quantity": True}]}, [error("/lines/0/quantity", "invalid")]),
        ({"lines": [{"sku": "A", "quantity": 1}] * 2}, [error("/lines/1/sku", "duplicate")]),
    ],
)
def test_a_reservation_that_cannot_be_read_is_pointed_at(
    shop: Shop, fields: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    body = {"order": new_number(), "customer": "c", "lines": [line("A")], **fields}
    assert errors(shop.post(RESERVATIONS, by=ORDERS, json=body)) == expected


def test_everything_missing_is_named_in_order(shop: Shop) -> None:
    assert errors(shop.post(RESERVATIONS, by=ORDERS, json={})) == [
        error("/order", "required"),
        error("/customer", "required"),
        error("/lines", "required"),
    ]
