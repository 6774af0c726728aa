"""The copy by which one side comes to answer what the other answered."""

from __future__ import annotations

from typing import Any

from services.chassis.identity import Owner
from tests.support.shop import STAFF, Shop, customer, line, new_key
from tests.support.system import System


def _everything(shop: Shop, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        body = shop.get(following, by=STAFF).json()
        found += body["results"]
        following = body["next"]
    return found


def _all(system: System, owner: Owner) -> tuple[Any, Any, Any]:
    shop = system.upstreams(owner, owner)
    return (
        _everything(shop, "/products?page_size=100"),
        shop.get("/products/categories").json(),
        _everything(shop, "/orders?page_size=100"),
    )


def test_after_a_copy_both_sides_answer_alike_and_a_second_copy_changes_nothing(system: System) -> None:
    system.route(products="monolith", orders="monolith")
    shop = system.front()
    category = system.ensure_category()
    buyer, key = customer(), new_key()
    sku = shop.make_product(stock=50, category=category["slug"])["sku"]
    gone = shop.make_product()["sku"]
    shop.send("DELETE", f"/products/{gone}", by=STAFF)
    placed = shop.place(buyer, [line(sku, 3)], key=key)
    paid, cancelled = (shop.place(buyer, [line(sku)]).json()["number"] for _ in range(2))
    shop.move(paid, "paid", "shipped")
    shop.post(f"/orders/{cancelled}/cancel", by=buyer)

    assert system.stack.manage("sync", "backfill") == 0
    assert _all(system, "service") == _all(system, "monolith")
    assert system.stack.manage("sync", "backfill") == 0
    assert "0 changed" in " ".join(system.stack.logs("sync")[-2:])

    system.route(products="service", orders="service")
    there = system.front()
    again = there.place(buyer, [line(sku, 3)], key=key)
    assert (again.status_code, again.json()) == (201, placed.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert there.post(f"/orders/{placed.json()['number']}/cancel", by=buyer).status_code == 200
    assert there.stock(sku) == 49


def test_what_was_sold_at_the_services_comes_back(system: System) -> None:
    system.route(products="service", orders="service")
    shop = system.front()
    assert system.stack.manage("sync", "backfill") == 0
    buyer, key = customer(), new_key()
    sku = shop.make_product(stock=50)["sku"]
    placed = shop.place(buyer, [line(sku, 3)], key=key)
    shop.move(placed.json()["number"], "paid")

    assert system.stack.manage("sync", "backfill", "--from", "service") == 0
    assert _all(system, "monolith") == _all(system, "service")

    system.route(products="monolith", orders="monolith")
    here = system.front()
    assert here.get(f"/orders/{placed.json()['number']}", by=buyer).json()["status"] == "paid"
    again = here.place(buyer, [line(sku, 3)], key=key)
    assert (again.status_code, again.json()) == (201, placed.json())
    assert here.post(f"/orders/{placed.json()['number']}/cancel", by=buyer).status_code == 200
    assert here.stock(sku) == 50


def test_a_side_that_has_rows_is_left_alone_when_asked_to_fill_an_empty_one(system: System) -> None:
    before = _all(system, "service")
    assert system.stack.manage("sync", "backfill", "--if-empty") == 0
    assert _all(system, "service") == before
