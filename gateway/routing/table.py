"""Where requests go, as one immutable value: a request never sees half a change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from gateway.routing.buckets import BUCKETS

Capability = Literal["products", "orders"]
Side = Literal["monolith", "service"]
Row = tuple[str, int, int, int, bool, str, str]
"""capability, reads, writes, shadow, fallback, salt, shadow salt"""

CAPABILITIES: Final[tuple[Capability, ...]] = get_args(Capability)
SIDES: Final[tuple[Side, ...]] = get_args(Side)

WHOLE: Final[frozenset[Capability]] = frozenset({"products"})
"""Capabilities that one side owns as a whole: one order may hold any mix of products."""


class IncompleteTable(ValueError):
    """The rows do not say exactly one possible route for every capability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How one capability's requests are shared out. Counts of buckets, 0..1024; the rest is the monolith's."""

    reads: int
    """Buckets whose reads go to the service."""
    writes: int
    """Buckets that the service owns."""
    shadow: int = 0
    """Of 1,024: the share of reads that are mirrored to the side that does not answer."""
    fallback: bool = True
    """Whether a read whose upstream is down may be answered by the other side."""
    salt: str = ""
    shadow_salt: str = ""

    @classmethod
    def to(cls, side: Side) -> Route:
        """Return the route that sends everything to one side."""
        buckets = BUCKETS if side == "service" else 0
        return cls(reads=buckets, writes=buckets)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RoutingTable:
    """One revision of the toggles. Compared by identity, so that what follows from it can be remembered for it."""

    revision: int
    """Counts changes; a higher one is newer."""
    routes: Mapping[Capability, Route]

    def __post_init__(self) -> None:
        if set(self.routes) != set(CAPABILITIES):
            raise IncompleteTable(f"revision {self.revision} knows {sorted(self.routes)}")
        for capability, route in self.routes.items():
            possible = all(0 <= buckets <= BUCKETS for buckets in (route.reads, route.writes, route.shadow))
            if not possible or (capability in WHOLE and route.writes not in {0, BUCKETS}):
                shares = f"reads {route.reads}, writes {route.writes}, shadow {route.shadow}"
                raise IncompleteTable(f"revision {self.revision} sends {capability} nowhere: {shares}")
        object.__setattr__(self, "routes", MappingProxyType(dict(self.routes)))

    @classmethod
    def read(cls, *, revision: int, rows: Iterable[Row]) -> RoutingTable:
        """Return the table that the rows say; IncompleteTable unless they say all of it, and nothing else."""
        routes: dict[str, Route] = {}
        for capability, reads, writes, shadow, fallback, salt, shadow_salt in rows:
            if capability in routes:
                raise IncompleteTable(f"revision {revision} knows {capability} twice")
            routes[capability] = Route(
                reads=reads, writes=writes, shadow=shadow, fallback=fallback, salt=salt, shadow_salt=shadow_salt
            )
        return cls(revision=revision, routes=routes)  # type: ignore[arg-type]
