"""Who answers a request. Pure: (table, facts of the request, a draw) -> Decision. No I/O.

NoTable               this process has never seen the toggles, so nothing can be decided
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from gateway.routing.buckets import BUCKETS, bucket
from gateway.routing.table import CAPABILITIES, Capability, Route, RoutingTable, Side

Upstream = Literal["legacy", "products", "orders"]
Reason = Literal["toggle", "bucket", "override", "owner"]
"""toggle: a read, as for everyone · bucket: a read, by who asks · override: a tester's read · owner: all else"""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
UPSTREAMS: Final[tuple[Upstream, ...]] = ("legacy", "products", "orders")

_CAPABILITY_OF_SEGMENT: Final[dict[bytes, Capability]] = {name.encode(): name for name in CAPABILITIES}
_FIXED: Final = {
    path.encode(): path for path in ("/products", "/products/categories", "/products/reservations", "/orders")
}
_ORDER_STEPS: Final = {step.encode(): f"/orders/{{number}}/{step}" for step in ("cancel", "status", "settle")}
_RESERVATION_STEPS: Final = {
    step.encode(): f"/products/reservations/{{order}}/{step}" for step in ("confirm", "release")
}


class NoTable(Exception):
    """This process has never seen the toggles."""


class Facts(NamedTuple):
    """What a decision may depend on."""

    capability: Capability
    method: str
    visitor: str | None
    """The id in the visitor cookie, once its signature has been checked."""
    subject: str | None
    """Who is asking; None when anonymous."""
    kind: Literal["customer", "staff", "service"] | None
    override: Mapping[Capability, Side] | None
    """What a tester's verified override says."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a request goes, and why."""

    side: Side
    upstream: Upstream
    """The component that answers: its name is the token's audience."""
    reason: Reason
    other: Upstream
    """The component on the other side of this capability."""
    fallback: Upstream | None
    """Where this read may go when `upstream` is down. Never for writes, nor for testers, who asked for one side."""
    mirror: Upstream | None
    """Where this read is mirrored; None when it is not in the sample."""
    owners: Mapping[Capability, Side]
    """Who owns each capability's writes for whoever asks: told to the upstream."""
    sticky: bool
    """Whether the visitor's bucket counted, so that a client without a visitor cookie should be given one."""


def decide(table: RoutingTable | None, facts: Facts, *, draw: int) -> Decision:
    """Return who answers; NoTable without a snapshot.

    `draw`, 0..1023, says whether a read is in the shadow sample: it is where `draw < shadow`.
    """
    if table is None:
        raise NoTable
    course = _courses(table)[facts.capability]
    if facts.kind == "service" or facts.method not in SAFE_METHODS:
        return course.write or _write(table, course, facts)
    if not facts.override:
        same = course.mirrored if draw < course.route.shadow else course.read
        if same is not None:
            return same
    return _read(table, course, facts, draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """What is the same for everyone, worked out once for a table. None where it depends on who asks."""

    capability: Capability
    route: Route
    owners: Mapping[Side, Mapping[Capability, Side]]
    """By the owner of the asker's orders: the one thing that is not owned as a whole."""
    write: Decision | None
    read: Decision | None
    mirrored: Decision | None


# Requests that began under a table before this one may still be deciding; more tables than these are never alive.
@lru_cache(maxsize=8)
def _courses(table: RoutingTable) -> Mapping[Capability, _Course]:
    products, orders = table.routes["products"], table.routes["orders"]
    catalogue: Side = "service" if products.writes else "monolith"
    owners: dict[Side, Mapping[Capability, Side]] = {
        side: MappingProxyType({"products": catalogue, "orders": side}) for side in ("monolith", "service")
    }
    whole = _whole(orders.writes)
    courses: dict[Capability, _Course] = {}
    for capability, route in table.routes.items():
        write = read = mirrored = None
        owned = None if whole is None else owners[whole]
        if owned is not None:
            write = _decision(capability, owned[capability], "owner", owners=owned)
            side = _whole(route.reads)
            if side is not None:
                read = _decision(capability, side, "toggle", owners=owned, fallback=route.fallback)
                mirrored = _decision(capability, side, "toggle", owners=owned, fallback=route.fallback, mirror=True)
        courses[capability] = _Course(
            capability=capability, route=route, owners=owners, write=write, read=read, mirrored=mirrored
        )
    return courses


def _whole(buckets: int) -> Side | None:
    """Return who has all the buckets, None when they are shared."""
    return "monolith" if buckets == 0 else "service" if buckets == BUCKETS else None


def _within(buckets: int, *, salt: str, key: str) -> Side:
    return "service" if bucket(salt=salt, key=key) < buckets else "monolith"


def _decision(
    capability: Capability,
    side: Side,
    reason: Reason,
    *,
    owners: Mapping[Capability, Side],
    fallback: bool = False,
    mirror: bool = False,
    sticky: bool = False,
) -> Decision:
    here: Upstream = "legacy" if side == "monolith" else capability
    other: Upstream = capability if side == "monolith" else "legacy"
    return Decision(
        side=side,
        upstream=here,
        reason=reason,
        other=other,
        fallback=other if fallback else None,
        mirror=other if mirror else None,
        owners=owners,
        sticky=sticky,
    )


def _owners(table: RoutingTable, course: _Course, facts: Facts) -> Mapping[Capability, Side]:
    """Return who owns what for whoever asks: an order belongs to its customer, however they came in."""
    route = table.routes["orders"]
    side = _whole(route.writes) or _within(route.writes, salt=route.salt, key=facts.subject or facts.visitor or "")
    return course.owners[side]


def _write(table: RoutingTable, course: _Course, facts: Facts) -> Decision:
    owners = _owners(table, course, facts)
    return _decision(course.capability, owners[course.capability], "owner", owners=owners)


def _read(table: RoutingTable, course: _Course, facts: Facts, draw: int) -> Decision:
    capability, route = course.capability, course.route
    owners = _owners(table, course, facts)
    mirror = draw < route.shadow
    asked = facts.override.get(capability) if facts.override else None
    if asked is not None:
        return _decision(capability, asked, "override", owners=owners, mirror=mirror)
    side = _whole(route.reads)
    if side is not None:
        return _decision(capability, side, "toggle", owners=owners, fallback=route.fallback, mirror=mirror)
    if capability == "orders":
        key = facts.subject or facts.visitor
        sticky = facts.subject is None
    else:
        # The visitor first, so that logging in moves nobody.
        key = facts.visitor or facts.subject
        sticky = facts.visitor is not None or facts.subject is None
    side = _within(route.reads, salt=route.salt, key=key or "")
    return _decision(capability, side, "bucket", owners=owners, fallback=route.fallback, mirror=mirror, sticky=sticky)


def side_of(upstream: Upstream) -> Side:
    """Return the side that a component is on."""
    return "monolith" if upstream == "legacy" else "service"


def capability_of(raw_path: bytes) -> Capability | None:
    """Return the capability that a path, in the bytes the client sent, belongs to; None when it is not routed.

    Escapes are not undone: `/%70roducts` is no path of the contract.
    """
    _, _, rest = raw_path.partition(b"/")
    return _CAPABILITY_OF_SEGMENT.get(rest.partition(b"/")[0]) if raw_path.startswith(b"/") else None


def open_to_anyone(method: str, *, capability: Capability) -> bool:
    """Tell whether it makes no difference who asks, so that not knowing must not stand in the way."""
    return capability == "products" and method in SAFE_METHODS


def template(raw_path: bytes) -> str:
    """Return the route of the contract that a path follows, as a label; one label for all that follow none."""
    fixed = _FIXED.get(raw_path)
    if fixed is not None:
        return fixed
    match raw_path.split(b"/", 5):
        case [b"", b"products", sku] if sku:
            return "/products/{sku}"
        case [b"", b"products", b"reservations", order] if order:
            return "/products/reservations/{order}"
        case [b"", b"products", b"reservations", order, step] if order and step in _RESERVATION_STEPS:
            return _RESERVATION_STEPS[step]
        case [b"", b"orders", number] if number:
            return "/orders/{number}"
        case [b"", b"orders", number, step] if number and step in _ORDER_STEPS:
            return _ORDER_STEPS[step]
    capability = capability_of(raw_path)
    return f"/{capability}/*" if capability else ""
