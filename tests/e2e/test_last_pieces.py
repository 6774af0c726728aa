"""Many shoppers, few pieces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.support.shop import ORDERS, Shop, customer, line, new_key, problem


def test_fifty_shoppers_after_twenty_pieces_get_exactly_twenty(front: Shop) -> None:
    sku = front.make_product(stock=20)["sku"]
    buyers = [customer() for _ in range(50)]

    def buy(n: int) -> httpx.Response:
        """Retry what may be retried, under the same key, as the storefront does."""
        key = new_key()
        response = front.place(buyers[n], [line(sku)], key=key)
        for _ in range(20):
            if response.status_code != 503:
                break
            response = front.place(buyers[n], [line(sku)], key=key)
        return response

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(buy, range(50)))
    sold = [answer for answer in answers if answer.status_code == 201]
    assert len(sold) == 20, [answer.text for answer in answers]
    assert {problem(answer) for answer in answers if answer.status_code != 201} == {"insufficient-stock"}
    assert len({answer.json()["number"] for answer in sold}) == 20
    assert front.stock(sku) == 0
    listed = sum(front.get("/orders", by=buyer).json()["count"] for buyer in buyers)
    assert listed == 20


def test_retries_of_one_order_at_the_same_time_make_one_order(front: Shop) -> None:
    buyer, key = customer(), new_key()
    sku = front.make_product(stock=20)["sku"]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: front.place(buyer, [line(sku, 2)], key=key), range(30)))
    made = [answer for answer in answers if answer.status_code == 201]
    assert made and len({answer.json()["number"] for answer in made}) == 1
    assert {problem(answer) for answer in answers if answer.status_code != 201} <= {"idempotency-key-in-flight"}
    assert front.stock(sku) == 18
    assert front.get("/orders", by=buyer).json()["count"] == 1


def test_orders_and_cancellations_at_the_same_time_lose_no_stock(front: Shop) -> None:
    skus = [front.make_product(stock=1000)["sku"] for _ in range(3)]

    def shop_around(n: int) -> None:
        buyer = customer()
        lines = [line(sku, n % 3 + 1) for sku in (skus if n % 2 else skus[::-1])]
        order = front.place(buyer, lines)
        assert order.status_code == 201, order.text
        if n % 4:
            cancelled = front.post(f"/orders/{order.json()['number']}/cancel", by=buyer)
            assert cancelled.status_code == 200, cancelled.text

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(shop_around, range(40)))
    kept = sum(n % 3 + 1 for n in range(40) if n % 4 == 0)
    assert [front.stock(sku) for sku in skus] == [1000 - kept] * 3


def test_what_is_refused_takes_nothing(front: Shop) -> None:
    buyer = customer()
    plenty, few = front.make_product(stock=10)["sku"], front.make_product(stock=1)["sku"]
    response = front.place(buyer, [line(plenty, 5), line(few, 2)])
    assert response.json()["shortfalls"] == [{"sku": few, "requested": 2, "available": 1}]
    assert (front.stock(plenty), front.stock(few)) == (10, 1)
    assert front.get("/orders", by=buyer).json()["count"] == 0


def test_an_order_its_reservation_and_its_cancellation_agree(front: Shop) -> None:
    buyer = customer()
    order = front.place_one(buyer, quantity=3, stock=5)
    path = f"/products/reservations/{order['number']}"
    assert front.get(path, by=ORDERS).json()["state"] == "confirmed"
    assert front.post(f"/orders/{order['number']}/cancel", by=buyer).status_code == 200
    assert front.get(path, by=ORDERS).json()["state"] == "released"
    assert front.stock(order["lines"][0]["sku"]) == 5
