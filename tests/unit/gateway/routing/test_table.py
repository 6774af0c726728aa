"""One immutable value, complete or none."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.routing.table import IncompleteTable, Route, RoutingTable, Row

PRODUCTS: Row = ("products", 256, 0, 10, True, "a", "b")
ORDERS: Row = ("orders", 1024, 512, 0, False, "c", "d")


def test_it_holds_a_route_for_every_capability() -> None:
    table = RoutingTable.read(revision=7, rows=[PRODUCTS, ORDERS])
    assert table.revision == 7
    assert table.routes == {
        "products": Route(reads=256, writes=0, shadow=10, fallback=True, salt="a", shadow_salt="b"),
        "orders": Route(reads=1024, writes=512, shadow=0, fallback=False, salt="c", shadow_salt="d"),
    }


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [PRODUCTS],
        [PRODUCTS, PRODUCTS],
        [PRODUCTS, ORDERS, ORDERS],
        [PRODUCTS, ORDERS, ("returns", *ORDERS[1:])],
        [PRODUCTS, ("orders", 1025, *ORDERS[2:])],
        [PRODUCTS, ("orders", -1, *ORDERS[2:])],
        [("products", 256, 512, *PRODUCTS[3:]), ORDERS],
    ],
)
def test_anything_less_or_else_is_refused(rows: list[Row]) -> None:
    with pytest.raises(IncompleteTable):
        RoutingTable.read(revision=1, rows=rows)


def test_it_cannot_be_changed() -> None:
    given = {"products": Route.to("service"), "orders": Route.to("monolith")}
    table = RoutingTable(revision=1, routes=given)  # type: ignore[arg-type]
    given.clear()
    assert len(table.routes) == 2
    with pytest.raises(TypeError):
        table.routes["orders"] = Route.to("service")  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.routes["orders"].reads = 5  # type: ignore[misc]
