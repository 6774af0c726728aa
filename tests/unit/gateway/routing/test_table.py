"""One immutable value, complete or none."""

from __future__ import annotations

import pytest

from gateway.routing.table import IncompleteTable, RoutingTable

COMPLETE = [("products", "service"), ("orders", "monolith")]


def test_it_holds_a_side_for_every_capability() -> None:
    assert dict(RoutingTable.read(revision=7, rows=COMPLETE).sides) == dict(COMPLETE)


@pytest.mark.parametrize(
    "rows",
    [[], COMPLETE[:1], [("products", "elsewhere"), ("orders", "monolith")], [*COMPLETE, ("returns", "service")]],
)
def test_anything_less_or_else_is_refused(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(IncompleteTable):
        RoutingTable.read(revision=1, rows=rows)


def test_it_cannot_be_changed() -> None:
    table = RoutingTable.read(revision=1, rows=COMPLETE)
    with pytest.raises(TypeError):
        table.sides["orders"] = "service"  # type: ignore[index]
