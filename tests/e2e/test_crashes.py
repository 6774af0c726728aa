"""Processes that are really killed, and the stock that is there afterwards."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from services.chassis.identity import Owner
from tests.support.shop import ORDERS, Shop, customer, line, new_key
from tests.support.system import System


def _place_through_trouble(shop: Shop, n: int, sku: str) -> tuple[str, str]:
    """Return the buyer and the order's number, or "" where nothing is known of it: the connection broke."""
    buyer = customer(f"c-{n}-{new_key()}")
    try:
        response = shop.place(buyer, [line(sku)])
    except httpx.HTTPError:
        return buyer.subject, ""
    return buyer.subject, response.json().get("number", "") if response.status_code == 201 else ""


@pytest.mark.parametrize("capability", ["products", "orders"])
def test_no_stock_is_lost_when_a_service_is_killed_while_orders_are_placed(system: System, capability: str) -> None:
    system.route(products="service", orders="service")
    shop = system.front()
    sku = shop.make_product(stock=500)["sku"]
    victim = capability
    killer = threading.Timer(0.3, lambda: system.stack.kill(victim, signal.SIGKILL))
    killer.start()
    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(lambda n: _place_through_trouble(shop, n, sku), range(60)))
    killer.join()
    system.stack.wait_ready(victim, seconds=30)
    _make_due(system)
    kept = _orders_for(system, "service", sku)
    system.stack.wait_until(
        lambda: shop.stock(sku) == 500 - len(_orders_for(system, "service", sku)), seconds=60, what="the stock"
    )
    answered = {number for _, number in placed if number}
    assert answered <= kept | _orders_for(system, "service", sku)
    for number in answered:
        state = shop.get(f"/products/reservations/{number}", by=ORDERS).json()["state"]
        assert state in {"held", "confirmed"}


def _make_due(system: System) -> None:
    """Let the limits of what died pass at once: two minutes of a reservation, half a minute of a lease."""
    with system.database("orders") as connection:
        connection.execute(
            "UPDATE orders_idempotencykey SET lease_until = now() - interval '1 hour' WHERE state = 'in_flight'"
        )
    with system.database("products") as connection:
        connection.execute(
            "UPDATE products_reservation SET expires_at = now() - interval '1 second' WHERE state = 'held'"
        )


def _orders_for(system: System, owner: Owner, sku: str) -> set[str]:
    assert owner == "service"
    query = """
        SELECT o.number FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id
        WHERE l.sku = %s AND o.status <> 'cancelled'
    """
    with system.database("orders") as connection:
        rows: list[Any] = connection.execute(query, [sku]).fetchall()
    return {number for (number,) in rows}


def test_an_order_is_refused_not_lost_while_products_are_away(system: System) -> None:
    system.route(products="service", orders="service")
    shop = system.front()
    sku = shop.make_product(stock=5)["sku"]
    buyer, key = customer(), new_key()
    system.stack.down("products")
    try:
        response = shop.place(buyer, [line(sku)], key=key)
        assert response.status_code == 503
    finally:
        system.stack.up("products")
    system.stack.wait_until(
        lambda: shop.place(buyer, [line(sku)], key=key).status_code == 201, seconds=60, what="the order"
    )
    assert shop.get("/orders", by=buyer).json()["count"] == 1
    assert shop.stock(sku) == 4
