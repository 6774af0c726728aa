"""Who answers a request. Pure: (table, request facts) -> Decision. No I/O.

NoTable               this process has never seen the toggles, so nothing can be decided
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from gateway.routing.table import CAPABILITIES, Capability, RoutingTable, Side

Upstream = Literal["legacy", "products", "orders"]
Reason = Literal["toggle"]

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
UPSTREAMS: Final[tuple[Upstream, ...]] = ("legacy", "products", "orders")

_CAPABILITY_OF_SEGMENT: Final[dict[bytes, Capability]] = {name.encode(): name for name in CAPABILITIES}
_TEMPLATES: Final = (
    ("/products", re.compile(rb"/products")),
    ("/products/categories", re.compile(rb"/products/categories")),
    ("/products/reservations", re.compile(rb"/products/reservations")),
    ("/products/reservations/{order}", re.compile(rb"/products/reservations/[^/]+")),
    ("/products/reservations/{order}/confirm", re.compile(rb"/products/reservations/[^/]+/confirm")),
    ("/products/reservations/{order}/release", re.compile(rb"/products/reservations/[^/]+/release")),
    ("/products/{sku}", re.compile(rb"/products/[^/]+")),
    ("/orders", re.compile(rb"/orders")),
    ("/orders/{number}", re.compile(rb"/orders/[^/]+")),
    ("/orders/{number}/cancel", re.compile(rb"/orders/[^/]+/cancel")),
    ("/orders/{number}/status", re.compile(rb"/orders/[^/]+/status")),
    ("/orders/{number}/settle", re.compile(rb"/orders/[^/]+/settle")),
)


class NoTable(Exception):
    """This process has never seen the toggles."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a request goes, and why."""

    side: Side
    upstream: Upstream
    """The component that answers: its name is the token's audience."""
    reason: Reason


def capability_of(raw_path: bytes) -> Capability | None:
    """Return the capability that a path, in the bytes the client sent, belongs to; None when it is not routed.

    Escapes are not undone: `/%70roducts` is no path of the contract.
    """
    _, _, rest = raw_path.partition(b"/")
    return _CAPABILITY_OF_SEGMENT.get(rest.partition(b"/")[0]) if raw_path.startswith(b"/") else None


def decide(table: RoutingTable | None, *, capability: Capability) -> Decision:
    """Return who answers for the capability; NoTable without a snapshot."""
    if table is None:
        raise NoTable
    side = table.sides[capability]
    return Decision(side=side, upstream="legacy" if side == "monolith" else capability, reason="toggle")


def open_to_anyone(method: str, *, capability: Capability) -> bool:
    """Tell whether it makes no difference who asks, so that not knowing must not stand in the way."""
    return capability == "products" and method in SAFE_METHODS


def template(raw_path: bytes) -> str:
    """Return the route of the contract that a path follows, as a label; one label for all that follow none."""
    for route, pattern in _TEMPLATES:
        if pattern.fullmatch(raw_path):
            return route
    capability = capability_of(raw_path)
    return f"/{capability}/*" if capability else ""
