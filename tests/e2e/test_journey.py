"""A shopper's way through the storefront, over every combination of who answers for what."""

from __future__ import annotations

import httpx

from tests.support.pages import PASSWORD, Shopper
from tests.support.shop import SHIP_TO, STAFF, Shop
from tests.support.system import System


def _buy(shopper: Shopper, sku: str, quantity: int) -> httpx.Response:
    shopper.add_to_cart(sku, quantity)
    assert sku in shopper.get("/cart").text
    return shopper.submit(shopper.get("/checkout"), "/checkout", **SHIP_TO)


def test_a_shopper_registers_finds_buys_sees_and_cancels(system: System, front: Shop) -> None:
    made = front.make_product(name="Wonderful brass lantern", stock=5)
    with Shopper(system.stack.url("gateway")) as shopper:
        shopper.register()
        found = shopper.get(f"/?search={made['sku']}")
        assert "Wonderful brass lantern" in found.text
        placed = _buy(shopper, made["sku"], 2)
        assert placed.status_code == 200
        assert placed.url.path.startswith("/my/orders/"), placed.text[:2000]
        assert "Thank you" in placed.text
        assert front.stock(made["sku"]) == 3
        number = placed.url.path.rsplit("/", 1)[1]
        assert number in shopper.get("/my/orders").text
        cancelled = shopper.submit(shopper.get(f"/my/orders/{number}/cancel"), f"/my/orders/{number}/cancel")
        assert "cancelled" in cancelled.text.lower()
        assert front.stock(made["sku"]) == 5


def test_a_shopper_is_told_when_there_is_not_enough(system: System, front: Shop) -> None:
    sku = front.make_product(stock=3)["sku"]
    with Shopper(system.stack.url("gateway")) as shopper:
        shopper.register()
        shopper.add_to_cart(sku, 3)
        page = shopper.get("/checkout")
        front.send("PATCH", f"/products/{sku}", by=STAFF, json={"stock": 1})
        after = shopper.submit(page, "/checkout", **SHIP_TO)
        assert after.url.path == "/cart"
        assert "Nothing was bought" in after.text
        assert front.stock(sku) == 1


def test_a_form_that_is_sent_twice_buys_once(system: System, front: Shop) -> None:
    sku = front.make_product(stock=5)["sku"]
    with Shopper(system.stack.url("gateway")) as shopper:
        shopper.register()
        shopper.add_to_cart(sku)
        page = shopper.get("/checkout")
        first, second = (shopper.submit(page, "/checkout", **SHIP_TO) for _ in range(2))
        assert first.url == second.url
        assert front.stock(sku) == 4


def test_an_api_client_gets_a_token_and_sees_the_same_orders(system: System, front: Shop) -> None:
    sku = front.make_product(stock=5)["sku"]
    with Shopper(system.stack.url("gateway")) as shopper:
        shopper.register()
        number = _buy(shopper, sku, 1).url.path.rsplit("/", 1)[1]
        said = httpx.post(
            f"{system.stack.url('gateway')}/account/token",
            json={"email": shopper.email, "password": PASSWORD},
            trust_env=False,
        )
        assert said.status_code == 200, said.text
        headers = {"Authorization": f"Bearer {said.json()['access_token']}"}
        orders = front.get("/orders", headers=headers).json()
        assert [order["number"] for order in orders["results"]] == [number]
        wrong = httpx.post(
            f"{system.stack.url('gateway')}/account/token",
            json={"email": shopper.email, "password": "wrong"},
            trust_env=False,
        )
        assert wrong.status_code == 401
