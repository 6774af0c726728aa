"""Which tables belong to which capability, in the order in which they refer to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from services.sync.mapping import orders, placements, products, reservations
from services.sync.tables import Table

Side = Literal["monolith", "service"]
MakeRow = Callable[[Iterable[Any]], Any]
MapRow = Callable[[Any], tuple[Any, ...]]


def other(side: Side) -> Side:
    """Return the side that is not this one."""
    return "service" if side == "monolith" else "monolith"


@dataclass(frozen=True, slots=True)
class End:
    """One side of a pair: its table, its row type, and what such a row is at the other side."""

    table: Table
    make: MakeRow
    mapped: MapRow


@dataclass(frozen=True, slots=True)
class Pair:
    """A table of the monolith and the service's that holds the same."""

    monolith: End
    service: End

    def end(self, side: Side) -> End:
        return self.monolith if side == "monolith" else self.service


@dataclass(frozen=True, slots=True)
class Capability:
    """What is moved as one."""

    name: str
    service: str
    """The component whose database holds the service's side."""
    subject: Pair
    """Tells whether a side is empty."""
    pairs: tuple[Pair, ...]
    """What is referred to comes before what refers to it."""

    def component(self, side: Side) -> str:
        """Return the component whose database is that side."""
        return "legacy" if side == "monolith" else self.service


_CATEGORIES: Final = Pair(
    End(products.LEGACY_CATEGORIES, products.LegacyCategory._make, products.category_to_service),
    End(products.CATEGORIES, products.Category._make, products.category_to_monolith),
)
_PRODUCTS: Final = Pair(
    End(products.LEGACY_PRODUCTS, products.LegacyProduct._make, products.product_to_service),
    End(products.PRODUCTS, products.Product._make, products.product_to_monolith),
)
_RESERVATIONS: Final = Pair(
    End(
        reservations.LEGACY_RESERVATIONS,
        reservations.LegacyReservation._make,
        reservations.reservation_to_service,
    ),
    End(reservations.RESERVATIONS, reservations.Reservation._make, reservations.reservation_to_monolith),
)
_RESERVATION_LINES: Final = Pair(
    End(reservations.LEGACY_LINES, reservations.LegacyReservationLine._make, reservations.line_to_service),
    End(reservations.LINES, reservations.ReservationLine._make, reservations.line_to_monolith),
)
_ORDERS: Final = Pair(
    End(orders.LEGACY_ORDERS, orders.LegacyOrder._make, orders.order_to_service),
    End(orders.ORDERS, orders.Order._make, orders.order_to_monolith),
)
_ORDER_LINES: Final = Pair(
    End(orders.LEGACY_LINES, orders.LegacyOrderLine._make, orders.line_to_service),
    End(orders.LINES, orders.OrderLine._make, orders.line_to_monolith),
)
_CHANGES: Final = Pair(
    End(orders.LEGACY_CHANGES, orders.LegacyStatusChange._make, orders.change_to_service),
    End(orders.CHANGES, orders.StatusChange._make, orders.change_to_monolith),
)
_KEYS: Final = Pair(
    End(placements.LEGACY_KEYS, placements.LegacyIdempotencyKey._make, placements.key_to_service),
    End(placements.KEYS, placements.IdempotencyKey._make, placements.key_to_monolith),
)

PRODUCTS: Final = Capability(
    name="products",
    service="products",
    subject=_PRODUCTS,
    pairs=(_CATEGORIES, _PRODUCTS, _RESERVATIONS, _RESERVATION_LINES),
)
ORDERS: Final = Capability(
    name="orders", service="orders", subject=_ORDERS, pairs=(_ORDERS, _ORDER_LINES, _CHANGES, _KEYS)
)
CAPABILITIES: Final = {capability.name: capability for capability in (PRODUCTS, ORDERS)}
