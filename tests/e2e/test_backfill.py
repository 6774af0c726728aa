"""The copy after which one side answers as the other does, and the relay that keeps it so."""

from __future__ import annotations

from typing import Any

from services.chassis.identity import Owner
from tests.support.shop import STAFF, Caller, Shop, customer, line, new_key
from tests.support.system import System


def _seen(system: System, owner: Owner, buyer: Caller, *skus: str) -> tuple[Any, ...]:
    """Return what one side answers about a customer's orders and some products."""
    shop: Shop = system.upstreams(owner, owner)
    return (
        shop.get("/orders?page_size=100", by=buyer).json()["results"],
        [shop.get(f"/products?search={sku}").json()["results"] for sku in skus],
        shop.get("/products/categories").json(),
    )


def test_after_a_copy_both_sides_answer_alike_and_a_second_copy_changes_nothing(system: System) -> None:
    system.route(products="monolith", orders="monolith")
    shop = system.front()
    category = system.ensure_category()
    buyer = customer()
    sku = shop.make_product(stock=50, category=category["slug"])["sku"]
    gone = shop.make_product()["sku"]
    shop.send("DELETE", f"/products/{gone}", by=STAFF)
    paid, cancelled, _ = (shop.place(buyer, [line(sku)]).json()["number"] for _ in range(3))
    shop.move(paid, "paid", "shipped")
    shop.post(f"/orders/{cancelled}/cancel", by=buyer)

    for _ in range(2):
        assert system.stack.manage("sync", "backfill") == 0
        here, there = (_seen(system, owner, buyer, sku, gone) for owner in ("monolith", "service"))
        assert (len(here[0]), [len(found) for found in here[1]]) == (3, [1, 0])
        assert there == here
    said = [text for text in system.stack.logs("sync") if "new at the service" in text][-2:]
    assert len(said) == 2 and all(", 0 new at the service" in text for text in said)


def test_what_the_monolith_sold_goes_on_at_the_services_and_back(system: System) -> None:
    system.route(products="monolith", orders="monolith")
    shop = system.front()
    buyer, key = customer(), new_key()
    sku = shop.make_product(stock=50)["sku"]
    placed = shop.place(buyer, [line(sku, 3)], key=key)
    number = placed.json()["number"]
    system.wait_for_relay()
    assert _seen(system, "service", buyer, sku) == _seen(system, "monolith", buyer, sku)

    system.route(products="service", orders="service")
    there = system.front()
    again = there.place(buyer, [line(sku, 3)], key=key)
    assert (again.status_code, again.json()) == (201, placed.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    key = new_key()
    later = there.place(buyer, [line(sku, 2)], key=key)
    there.move(later.json()["number"], "paid")
    assert there.post(f"/orders/{number}/cancel", by=buyer).status_code == 200
    assert there.stock(sku) == 48
    system.wait_for_relay()
    assert _seen(system, "monolith", buyer, sku) == _seen(system, "service", buyer, sku)

    system.route(products="monolith", orders="monolith")
    here = system.front()
    again = here.place(buyer, [line(sku, 2)], key=key)
    assert (again.status_code, again.json()) == (201, later.json())
    assert here.get(f"/orders/{number}", by=buyer).json()["status"] == "cancelled"
    assert here.post(f"/orders/{later.json()['number']}/cancel", by=buyer).status_code == 200
    assert here.stock(sku) == 50


def test_a_side_that_has_rows_is_left_alone_when_asked_to_fill_an_empty_one(system: System) -> None:
    assert system.stack.manage("sync", "backfill", "--if-empty") == 0
    assert "nothing to do" in " ".join(system.stack.logs("sync"))
