"""Which tables belong to which capability, in the order in which they refer to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
    mapped_sql: Mapping[str, str]
    """The same for many rows at once: of each column that the other side writes, its expression over this row's fields.
    See `sql.py`."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A table of the monolith and the service's that holds the same."""

    aggregate: str
    """What both sides' outboxes call a row of it."""
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
    customer: Mapping[Side, str] = field(default_factory=dict)
    """The column, of every table that refers to none of these, by which rows fall into buckets; none where the
    capability is owned as a whole."""

    def component(self, side: Side) -> str:
        """Return the component whose database is that side."""
        return "legacy" if side == "monolith" else self.service


_CATEGORIES: Final = Pair(
    "category",
    End(
        products.LEGACY_CATEGORIES,
        products.LegacyCategory._make,
        products.category_to_service,
        products.CATEGORY_TO_SERVICE,
    ),
    End(products.CATEGORIES, products.Category._make, products.category_to_monolith, products.CATEGORY_TO_MONOLITH),
)
_PRODUCTS: Final = Pair(
    "product",
    End(
        products.LEGACY_PRODUCTS, products.LegacyProduct._make, products.product_to_service, products.PRODUCT_TO_SERVICE
    ),
    End(products.PRODUCTS, products.Product._make, products.product_to_monolith, products.PRODUCT_TO_MONOLITH),
)
_RESERVATIONS: Final = Pair(
    "reservation",
    End(
        reservations.LEGACY_RESERVATIONS,
        reservations.LegacyReservation._make,
        reservations.reservation_to_service,
        reservations.RESERVATION_TO_SERVICE,
    ),
    End(
        reservations.RESERVATIONS,
        reservations.Reservation._make,
        reservations.reservation_to_monolith,
        reservations.RESERVATION_TO_MONOLITH,
    ),
)
_RESERVATION_LINES: Final = Pair(
    "reservation_line",
    End(
        reservations.LEGACY_LINES,
        reservations.LegacyReservationLine._make,
        reservations.line_to_service,
        reservations.LINE_TO_SERVICE,
    ),
    End(
        reservations.LINES,
        reservations.ReservationLine._make,
        reservations.line_to_monolith,
        reservations.LINE_TO_MONOLITH,
    ),
)
_ORDERS: Final = Pair(
    "order",
    End(orders.LEGACY_ORDERS, orders.LegacyOrder._make, orders.order_to_service, orders.ORDER_TO_SERVICE),
    End(orders.ORDERS, orders.Order._make, orders.order_to_monolith, orders.ORDER_TO_MONOLITH),
)
_ORDER_LINES: Final = Pair(
    "order_line",
    End(orders.LEGACY_LINES, orders.LegacyOrderLine._make, orders.line_to_service, orders.LINE_TO_SERVICE),
    End(orders.LINES, orders.OrderLine._make, orders.line_to_monolith, orders.LINE_TO_MONOLITH),
)
_CHANGES: Final = Pair(
    "status_change",
    End(orders.LEGACY_CHANGES, orders.LegacyStatusChange._make, orders.change_to_service, orders.CHANGE_TO_SERVICE),
    End(orders.CHANGES, orders.StatusChange._make, orders.change_to_monolith, orders.CHANGE_TO_MONOLITH),
)
_KEYS: Final = Pair(
    "idempotency_key",
    End(
        placements.LEGACY_KEYS,
        placements.LegacyIdempotencyKey._make,
        placements.key_to_service,
        placements.KEY_TO_SERVICE,
    ),
    End(placements.KEYS, placements.IdempotencyKey._make, placements.key_to_monolith, placements.KEY_TO_MONOLITH),
)

PRODUCTS: Final = Capability(
    name="products",
    service="products",
    subject=_PRODUCTS,
    pairs=(_CATEGORIES, _PRODUCTS, _RESERVATIONS, _RESERVATION_LINES),
)
ORDERS: Final = Capability(
    name="orders",
    service="orders",
    subject=_ORDERS,
    pairs=(_ORDERS, _ORDER_LINES, _CHANGES, _KEYS),
    customer={"monolith": "cust_ref", "service": "customer"},
)
CAPABILITIES: Final = {capability.name: capability for capability in (PRODUCTS, ORDERS)}
