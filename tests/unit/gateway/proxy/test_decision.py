"""Who answers, for any path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy import decision
from gateway.routing.table import CAPABILITIES, SIDES, Capability, RoutingTable, Side


@given(st.sampled_from(SIDES), st.sampled_from(SIDES), st.sampled_from(CAPABILITIES))
def test_the_monolith_or_the_capabilitys_own_service_answers(
    products: Side, orders: Side, capability: Capability
) -> None:
    table = RoutingTable(revision=1, sides={"products": products, "orders": orders})
    decided = decision.decide(table, capability=capability)
    assert decided.side == table.sides[capability]
    assert decided.upstream == ("legacy" if decided.side == "monolith" else capability)


def test_nothing_is_decided_without_a_table() -> None:
    with pytest.raises(decision.NoTable):
        decision.decide(None, capability="products")


@pytest.mark.parametrize(
    ("path", "capability"),
    [
        (b"/products", "products"),
        (b"/products/A", "products"),
        (b"/products/", "products"),
        (b"/orders/TC-1/cancel", "orders"),
        (b"/productsx", None),
        (b"/product", None),
        (b"/Products", None),
        (b"//products", None),
        (b"/%70roducts", None),
        (b"/", None),
        (b"", None),
        (b"products", None),
    ],
)
def test_only_the_first_segment_routes(path: bytes, capability: str | None) -> None:
    assert decision.capability_of(path) == capability


@given(st.binary(max_size=40))
def test_labels_are_few_whatever_clients_ask_for(path: bytes) -> None:
    for prefix in (b"/products/", b"/orders/"):
        label = decision.template(prefix + path)
        assert label.count("{") <= 1
        assert path.decode("latin-1") not in label or len(path) < 12
