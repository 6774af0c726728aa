"""Toggles steer every worker, at once and without a restart."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from services.chassis.identity import Owner
from tests.support.shop import Shop, new_sku
from tests.support.system import System


def _marked(system: System, sku: str) -> None:
    """Make a product of one sku that is called otherwise on each side, so that the answer tells who gave it."""
    system.route(products="monolith", orders="monolith")
    for owner in ("monolith", "service"):
        shop: Shop = system.upstreams(owner, owner)
        shop.make_product(sku=sku, name=f"from the {owner}")


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
    for owner in ("service", "monolith", "service", "monolith"):
        system.route(products=owner, orders="monolith")
        assert _asked_by_new_connections(url, 40) == {f"from the {owner}"}
    assert system.stack.process_id("gateway") == before


def test_a_flip_is_seen_within_a_second(system: System) -> None:
    sku = new_sku()
    _marked(system, sku)
    url = f"{system.stack.url('gateway')}/products/{sku}"
    with system.database("gateway") as connection:
        connection.execute("UPDATE routing_toggle SET side = 'service' WHERE capability = 'products'")
    system.owners["products"] = "service"
    everyone: Callable[[], bool] = lambda: _asked_by_new_connections(url, 20) == {"from the service"}  # noqa: E731
    system.stack.wait_until(everyone, seconds=3, what="the flip")


def test_no_request_fails_while_toggles_flip(system: System) -> None:
    sku = new_sku()
    _marked(system, sku)
    url = f"{system.stack.url('gateway')}/products/{sku}"
    statuses = set()
    with system.database("gateway") as connection, httpx.Client(trust_env=False) as http:
        for n in range(60):
            if n % 6 == 0:
                side: Owner = "service" if n % 12 == 0 else "monolith"
                connection.execute("UPDATE routing_toggle SET side = %s WHERE capability = 'products'", [side])
                system.owners["products"] = side
            statuses.add(http.get(url).status_code)
    assert statuses == {200}
