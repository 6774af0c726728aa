"""Who answers, for whom, on any path."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.proxy import decision
from gateway.proxy.decision import SAFE_METHODS, Decision, Facts
from gateway.routing.buckets import BUCKETS, bucket
from gateway.routing.table import CAPABILITIES, SIDES, Capability, Route, RoutingTable, Side

COUNTS = st.one_of(st.sampled_from([0, 1, 512, 1023, 1024]), st.integers(0, BUCKETS))
IDS = st.one_of(st.none(), st.text("abcdef0123456789", min_size=1, max_size=8))
METHODS = st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE", "PROPFIND"])
DRAWS = st.integers(0, BUCKETS - 1)
PEOPLE = st.sampled_from(["customer", "staff"])


@st.composite
def routes(draw: st.DrawFn, *, whole: bool) -> Route:
    return Route(
        reads=draw(COUNTS),
        writes=draw(st.sampled_from([0, BUCKETS]) if whole else COUNTS),
        shadow=draw(COUNTS),
        fallback=draw(st.booleans()),
        salt=draw(st.text("ab", min_size=1, max_size=3)),
        shadow_salt="mirrored",
    )


TABLES = st.builds(
    lambda products, orders: RoutingTable(revision=1, routes={"products": products, "orders": orders}),
    routes(whole=True),
    routes(whole=False),
)
OVERRIDES = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(CAPABILITIES), st.sampled_from(SIDES), min_size=1),
)


@st.composite
def anyones(draw: st.DrawFn) -> Facts:
    subject = draw(IDS)
    kind = None if subject is None else draw(st.sampled_from(["customer", "staff", "service"]))
    return Facts(
        capability=draw(st.sampled_from(CAPABILITIES)),
        method=draw(METHODS),
        visitor=draw(IDS),
        subject=subject,
        kind=kind,  # type: ignore[arg-type]
        override=draw(OVERRIDES),
    )


def facts(capability: Capability = "products", method: str = "GET", **known: Any) -> Facts:
    return Facts(
        **{
            "capability": capability,
            "method": method,
            "visitor": None,
            "subject": None,
            "kind": "customer" if known.get("subject") else None,
            "override": None,
            **known,
        }
    )


def table(products: Route | Side = "monolith", orders: Route | Side = "monolith") -> RoutingTable:
    chosen = [route if isinstance(route, Route) else Route.to(route) for route in (products, orders)]
    return RoutingTable(revision=1, routes=dict(zip(("products", "orders"), chosen, strict=True)))


@given(TABLES, anyones(), DRAWS)
def test_every_decision_is_in_order(table: RoutingTable, asked: Facts, draw: int) -> None:
    decided = decision.decide(table, asked, draw=draw)
    service = asked.capability
    assert (decided.upstream, decided.other) == (
        ("legacy", service) if decided.side == "monolith" else (service, "legacy")
    )
    route = table.routes[asked.capability]
    reads = asked.method in SAFE_METHODS and asked.kind != "service"
    if not reads:
        assert decided.side == decided.owners[asked.capability]
        assert (decided.reason, decided.fallback, decided.mirror, decided.sticky) == ("owner", None, None, False)
        return
    assert decided.reason != "owner"
    assert decided.mirror == (decided.other if draw < route.shadow else None)
    if decided.reason == "override":
        assert asked.override and decided.side == asked.override[asked.capability]
        assert decided.fallback is None
    else:
        assert decided.fallback == (decided.other if route.fallback else None)
    if decided.reason == "toggle":
        assert decided.side == ("service" if route.reads == BUCKETS else "monolith")
        assert route.reads in {0, BUCKETS}
    assert decided.sticky <= (decided.reason == "bucket")


@given(TABLES, anyones(), DRAWS)
def test_owners_follow_the_buckets_of_whoever_asks(table: RoutingTable, asked: Facts, draw: int) -> None:
    products, orders = table.routes["products"], table.routes["orders"]
    owned = bucket(salt=orders.salt, key=asked.subject or asked.visitor or "") < orders.writes
    assert decision.decide(table, asked, draw=draw).owners == {
        "products": "service" if products.writes else "monolith",
        "orders": "service" if owned else "monolith",
    }


@given(TABLES, anyones(), DRAWS, COUNTS, COUNTS)
def test_raising_a_share_moves_nobody_back(
    table: RoutingTable, asked: Facts, draw: int, one: int, another: int
) -> None:
    assume(asked.capability == "orders" or asked.method in SAFE_METHODS)
    fewer, more = sorted((one, another))
    name = "reads" if asked.method in SAFE_METHODS and asked.kind != "service" else "writes"
    assume(name == "reads" or asked.capability == "orders")

    def side(buckets: int) -> Side:
        route = dataclasses.replace(table.routes[asked.capability], **{name: buckets})  # type: ignore[arg-type]
        changed = RoutingTable(revision=2, routes={**table.routes, asked.capability: route})
        return decision.decide(changed, asked, draw=draw).side

    assert (side(fewer), side(more)) != ("service", "monolith")


@given(TABLES, st.sampled_from(CAPABILITIES), st.text("abc", min_size=1), st.text("abc", min_size=1), DRAWS)
def test_logging_in_keeps_the_visitors_side_of_the_catalogue(
    table: RoutingTable, capability: Capability, visitor: str, subject: str, draw: int
) -> None:
    before = decision.decide(table, facts("products", visitor=visitor), draw=draw)
    after = decision.decide(table, facts("products", visitor=visitor, subject=subject), draw=draw)
    assert (before.side, before.sticky) == (after.side, after.sticky)


@given(TABLES, st.text("abc", min_size=1), IDS, IDS, DRAWS)
def test_a_customers_orders_are_the_same_side_from_every_browser(
    table: RoutingTable, subject: str, one: str | None, another: str | None, draw: int
) -> None:
    decided = [
        decision.decide(table, facts("orders", visitor=visitor, subject=subject), draw=draw)
        for visitor in (one, another)
    ]
    assert decided[0] == decided[1]


@pytest.mark.parametrize(
    ("known", "sticky"),
    [({}, True), ({"visitor": "v"}, True), ({"visitor": "v", "subject": "7"}, True), ({"subject": "7"}, False)],
)
def test_a_cookie_is_worth_giving_where_the_visitors_bucket_counts(known: dict[str, Any], sticky: bool) -> None:
    shared = table(products=Route(reads=512, writes=0, salt="s"))
    assert decision.decide(shared, facts(**known), draw=0).sticky is sticky
    assert decision.decide(table(), facts(**known), draw=0).sticky is False
    assert decision.decide(shared, facts(method="POST", **known), draw=0).sticky is False


def test_components_act_on_the_truth() -> None:
    moving = table(products=Route(reads=BUCKETS, writes=0, shadow=BUCKETS, salt="s"), orders="service")
    decided = decision.decide(
        moving,
        facts(subject="service:orders", kind="service", override={"products": "service"}),
        draw=0,
    )
    assert (decided.side, decided.reason, decided.fallback, decided.mirror) == ("monolith", "owner", None, None)


def test_a_testers_writes_go_to_their_owner_all_the_same() -> None:
    chosen: dict[Capability, Side] = {"products": "service"}
    assert decision.decide(table(), facts(override=chosen), draw=0).side == "service"
    assert decision.decide(table(), facts(method="POST", override=chosen), draw=0).side == "monolith"
    assert decision.decide(table(), facts("orders", override=chosen), draw=0).reason == "toggle"


def test_what_is_the_same_for_everyone_is_decided_once() -> None:
    whole = table(products="service")
    first = decision.decide(whole, facts(visitor="a"), draw=0)
    assert decision.decide(whole, facts(subject="b"), draw=1023) is first


def test_a_decision_cannot_be_changed() -> None:
    decided: Decision = decision.decide(table(), facts(), draw=0)
    with pytest.raises(TypeError):
        decided.owners["products"] = "service"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        decided.side = "service"  # type: ignore[misc]


def test_nothing_is_decided_without_a_table() -> None:
    with pytest.raises(decision.NoTable):
        decision.decide(None, facts(), draw=0)


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


SPELLED = [
    (label, re.compile(re.sub(r"\{\w+\}", "[^/]+", label).encode()))
    for label in (
        "/products",
        "/products/categories",
        "/products/reservations",
        "/products/reservations/{order}",
        "/products/reservations/{order}/confirm",
        "/products/reservations/{order}/release",
        "/products/{sku}",
        "/orders",
        "/orders/{number}",
        "/orders/{number}/cancel",
        "/orders/{number}/status",
        "/orders/{number}/settle",
    )
]
LABELS = {label for label, _ in SPELLED} | {"/products/*", "/orders/*"}
SEGMENTS = st.one_of(
    st.sampled_from(b"products orders categories reservations confirm release cancel status settle".split()),
    st.binary(max_size=3),
)


@given(st.builds(lambda slash, parts: slash + b"/".join(parts), st.sampled_from([b"/", b""]), st.lists(SEGMENTS)))
def test_labels_are_those_of_the_contracts_paths(path: bytes) -> None:
    spelled = [label for label, pattern in SPELLED if pattern.fullmatch(path)]
    capability = decision.capability_of(path)
    assert decision.template(path) == (spelled[0] if spelled else f"/{capability}/*" if capability else "")


@given(st.binary(max_size=40))
def test_labels_are_few_whatever_clients_ask_for(path: bytes) -> None:
    for prefix in (b"/products/", b"/orders/"):
        assert decision.template(prefix + path) in LABELS
