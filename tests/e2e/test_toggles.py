"""Toggles steer every worker, at once and without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from gateway import override
from services.chassis.identity import Owner
from services.local import keys
from services.ownership.triggers import APPLYING
from tests.support.shop import new_sku
from tests.support.system import FLIP, System


def _marked(system: System, sku: str) -> None:
    """Make a product that is called otherwise on each side, so that the answer tells who gave it."""
    system.route(products="monolith", orders="monolith")
    system.front().make_product(sku=sku, name="from the monolith")
    system.wait_for_relay()
    with system.database("products") as connection:
        connection.execute(f"SET {APPLYING} = 'on'")
        connection.execute("UPDATE products_product SET name = 'from the service' WHERE sku = %s", [sku])


def _asked_by_new_connections(url: str, times: int) -> set[str]:
    """Return who answered. Each connection is somebody else's work: the kernel deals them out to the workers."""
    found = set()
    for _ in range(times):
        with httpx.Client(trust_env=False) as http:
            found.add(http.get(url).json()["name"])
    return found


def test_a_flip_reaches_every_worker_without_a_restart(system: System) -> None:
    sku = new_sku()
    _marked(system, sku)
    url = f"{system.stack.url('gateway')}/products/{sku}"
    before = system.stack.process_id("gateway")
    sides: tuple[Owner, ...] = ("service", "monolith", "service", "monolith")
    for owner in sides:
        system.toggle("products", owner)
        assert _asked_by_new_connections(url, 40) == {f"from the {owner}"}
    assert system.stack.process_id("gateway") == before


def test_a_flip_is_seen_within_a_second(system: System) -> None:
    sku = new_sku()
    _marked(system, sku)
    url = f"{system.stack.url('gateway')}/products/{sku}"
    with system.database("gateway") as connection:
        connection.execute(FLIP, {"buckets": 1024, "capability": "products"})
    everyone: Callable[[], bool] = lambda: _asked_by_new_connections(url, 20) == {"from the service"}  # noqa: E731
    system.stack.wait_until(everyone, seconds=3, what="the flip")


def test_a_visitor_stays_where_they_are_while_the_share_grows(system: System) -> None:
    sku = new_sku()
    _marked(system, sku)
    url = system.stack.url("gateway")
    visitors = [httpx.Client(base_url=url, trust_env=False) for _ in range(30)]
    seen: list[list[str]] = []
    try:
        for visitor in visitors:
            assert visitor.get("/").status_code == 200
        with system.database("gateway") as connection:
            for buckets in (256, 512, 768, 1024, 512):
                connection.execute("UPDATE routing_toggle SET reads = %s WHERE capability = 'products'", [buckets])
                system.wait_for_workers()
                seen.append([visitor.get(f"/products/{sku}").json()["name"] for visitor in visitors])
                page = visitors[0].get(f"/p/{sku}").text
                assert seen[-1][0] in page
    finally:
        for visitor in visitors:
            visitor.close()
        system.route(products="monolith", orders="monolith")
    quarter, half, most, everyone, half_again = seen
    assert set(half) == {"from the monolith", "from the service"}
    assert half_again == half
    assert set(everyone) == {"from the service"}
    for fewer, more in ((quarter, half), (half, most)):
        assert all(("service" in before) <= ("service" in after) for before, after in zip(fewer, more, strict=True))


def test_a_tester_sees_the_side_of_their_choice_and_nobody_else_does(system: System) -> None:
    sku = new_sku()
    _marked(system, sku)
    key = override.private_key(keys.ensure(system.stack.home).private("gateway"))
    token = override.mint(key=key, by="ops", sides={"products": "service"}, lifetime=60, now=time.time())
    url = f"{system.stack.url('gateway')}/products/{sku}"
    for sent in ({"Route-Override": token}, {"Cookie": f"tc_route={token}"}):
        assert httpx.get(url, headers=sent, trust_env=False).json()["name"] == "from the service"
    for sent in ({}, {"Route-Override": "products=service"}, {"Cookie": f"tc_route={token[:-4]}AAAA"}):
        assert httpx.get(url, headers=sent, trust_env=False).json()["name"] == "from the monolith"


def test_no_request_fails_while_toggles_flip(system: System) -> None:
    sku = new_sku()
    _marked(system, sku)
    url = f"{system.stack.url('gateway')}/products/{sku}"
    statuses = set()
    with system.database("gateway") as connection, httpx.Client(trust_env=False) as http:
        for n in range(60):
            if n % 6 == 0:
                side: Owner = "service" if n % 12 == 0 else "monolith"
                buckets = 1024 if side == "service" else 0
                connection.execute(FLIP, {"buckets": buckets, "capability": "products"})
            statuses.add(http.get(url).status_code)
    assert statuses == {200}
