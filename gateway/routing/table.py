"""Where requests go, as one immutable value: a request never sees half a change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

Capability = Literal["products", "orders"]
Side = Literal["monolith", "service"]

CAPABILITIES: Final[tuple[Capability, ...]] = get_args(Capability)
SIDES: Final[tuple[Side, ...]] = get_args(Side)


class IncompleteTable(ValueError):
    """The rows do not say exactly one side for every capability."""


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """One revision of the toggles."""

    revision: int
    """Counts changes; a higher one is newer."""
    sides: Mapping[Capability, Side]

    @classmethod
    def read(cls, *, revision: int, rows: Iterable[tuple[str, str]]) -> RoutingTable:
        """Return the table that these (capability, side) rows say; IncompleteTable unless they say all of it."""
        said = dict(rows)
        sides: dict[Capability, Side] = {}
        for capability in CAPABILITIES:
            for side in SIDES:
                if said.get(capability) == side:
                    sides[capability] = side
        if sides.keys() != said.keys() or len(sides) != len(CAPABILITIES):
            raise IncompleteTable(f"revision {revision} says {said}")
        return cls(revision=revision, sides=MappingProxyType(sides))
