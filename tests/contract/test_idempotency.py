"""`Idempotency-Key`: one order for one intention, however often it is sent."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.shop import SHIP_TO, STAFF, Shop, customer, line, new_key, problem
from tests.support.system import System


def test_a_request_without_a_key_is_refused(shop: Shop) -> None:
    response = shop.post("/orders", by=customer(), json={})
    assert (response.status_code, problem(response)) == (400, "idempotency-key-missing")


@pytest.mark.parametrize("key", ["a b", "x" * 256, "caf\xe9", "a\tb"])
def test_a_key_that_is_not_1_to_255_visible_ascii_characters_is_refused(shop: Shop, key: str) -> None:
    response = shop.post("/orders", by=customer(), json={}, headers={"Idempotency-Key": key.encode("latin-1")})
    assert (response.status_code, problem(response)) == (400, "idempotency-key-invalid")


def test_an_empty_key_is_refused(shop: Shop) -> None:
    """The page leaves open whether an empty key is missing or invalid."""
    response = shop.post("/orders", by=customer(), json={}, headers={"Idempotency-Key": ""})
    assert problem(response) in {"idempotency-key-missing", "idempotency-key-invalid"}


@pytest.mark.parametrize("key", ["!", "~" * 255, "';DROP", '"quoted"', "%00"])
def test_any_other_key_is_as_good_as_another(shop: Shop, key: str) -> None:
    buyer = customer()
    sku = shop.make_product()["sku"]
    first = shop.place(buyer, [line(sku)], key=key)
    again = shop.place(buyer, [line(sku)], key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


def test_a_key_used_again_is_answered_as_the_first_time(shop: Shop) -> None:
    buyer, key = customer(), new_key()
    sku = shop.make_product(stock=10)["sku"]
    first = shop.place(buyer, [line(sku, 2)], key=key)
    again = shop.place(buyer, [line(sku, 2)], key=key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == first.json()
    assert list(again.json()) == list(first.json())
    assert again.headers["Location"] == first.headers["Location"]
    assert shop.stock(sku) == 8
    assert shop.get("/orders", by=buyer).json()["count"] == 1


def test_the_answer_is_the_first_ones_although_the_order_has_gone_on(shop: Shop) -> None:
    buyer, key = customer(), new_key()
    sku = shop.make_product()["sku"]
    first = shop.place(buyer, [line(sku)], key=key)
    shop.post(f"/orders/{first.json()['number']}/cancel", by=buyer)
    again = shop.place(buyer, [line(sku)], key=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert shop.stock(sku) == 10


def test_a_key_used_for_another_payload_is_refused(shop: Shop) -> None:
    buyer, key = customer(), new_key()
    sku = shop.make_product()["sku"]
    assert shop.place(buyer, [line(sku)], key=key).status_code == 201
    for response in (
        shop.place(buyer, [line(sku, 2)], key=key),
        shop.place(buyer, [line(sku)], key=key, ship_to={**SHIP_TO, "city": "Leeds"}),
    ):
        assert (response.status_code, problem(response)) == (422, "idempotency-key-reused")
    assert shop.stock(sku) == 9


def test_keys_are_the_customers_own(shop: Shop) -> None:
    key = new_key()
    sku = shop.make_product()["sku"]
    numbers = {shop.place(customer(), [line(sku)], key=key).json()["number"] for _ in range(2)}
    assert len(numbers) == 2
    assert shop.stock(sku) == 8


def test_validation_comes_before_what_the_key_remembers(shop: Shop) -> None:
    buyer, key = customer(), new_key()
    sku = shop.make_product()["sku"]
    assert shop.place(buyer, [line(sku)], key=key).status_code == 201
    assert problem(shop.place(buyer, [line(sku, 0)], key=key)) == "validation"


def test_a_request_that_failed_leaves_the_key_free(shop: Shop) -> None:
    buyer, key = customer(), new_key()
    sku = shop.make_product(stock=1)["sku"]
    assert problem(shop.place(buyer, [line(sku, 2)], key=key)) == "insufficient-stock"
    assert problem(shop.place(buyer, [line("NO-SUCH")], key=key)) == "validation"
    assert problem(shop.place(buyer, [line(sku, 0)], key=key)) == "validation"
    shop.send("PATCH", f"/products/{sku}", by=STAFF, json={"stock": 5})
    response = shop.place(buyer, [line(sku, 2)], key=key)
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response.headers
    assert shop.stock(sku) == 3


def test_a_key_is_in_flight_while_its_first_request_runs(shop: Shop, system: System) -> None:
    buyer, key = customer(), new_key()
    sku = shop.make_product(stock=10)["sku"]
    answers: list[httpx.Response] = []
    with system.product_locked(shop.owners["products"], sku) as waiting:
        first = threading.Thread(target=lambda: answers.append(shop.place(buyer, [line(sku)], key=key)))
        first.start()
        waiting()
        second = shop.place(buyer, [line(sku)], key=key)
    first.join(timeout=30)
    assert (second.status_code, problem(second)) == (409, "idempotency-key-in-flight")
    assert answers[0].status_code == 201
    again = shop.place(buyer, [line(sku)], key=key)
    assert again.json() == answers[0].json()
    assert shop.stock(sku) == 9


def test_many_requests_with_one_key_make_one_order(shop: Shop) -> None:
    buyer, key = customer(), new_key()
    sku = shop.make_product(stock=10)["sku"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shop.place(buyer, [line(sku)], key=key), range(8)))
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.json()["number"] for answer in made}) == 1
    assert len([answer for answer in made if "Idempotency-Replayed" not in answer.headers]) == 1
    assert {problem(answer) for answer in answers if answer.status_code != 201} <= {"idempotency-key-in-flight"}
    assert shop.stock(sku) == 9
    assert shop.get("/orders", by=buyer).json()["count"] == 1


def test_the_same_request_in_other_bytes_is_the_same_request(shop: Shop) -> None:
    buyer, key = customer(), new_key()
    sku = shop.make_product()["sku"]
    first = shop.place(buyer, [line(sku)], key=key)
    body = {"ship_to": dict(reversed(SHIP_TO.items())), "lines": [{"quantity": 1, "sku": sku}]}
    again = shop.post(
        "/orders",
        by=buyer,
        content=json.dumps(body, indent=2).encode(),
        headers={"Idempotency-Key": key, "Content-Type": "application/json; charset=utf-8"},
    )
    assert (again.status_code, again.json()) == (201, first.json())
