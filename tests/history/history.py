"""What clients asked and were answered, and what there is at the end. Data without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from services.chassis.identity import Owner

Act = Literal["place", "cancel", "status", "edit", "order", "orders", "product", "products"]
"""place: send an order · cancel: one's own · status: staff move an order on · edit: staff change a product's
description · the rest: reads of an order, of one's orders, of a product, of several"""

READS: Final[frozenset[Act]] = frozenset({"order", "orders", "product", "products"})
SIDES: Final[tuple[Owner, Owner]] = ("monolith", "service")

Component = Literal["move", "sync", "gateway", "legacy", "products", "orders", "postgres"]
"""What can be killed; `move` is whoever moves ownership, `sync` who relays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A request and its answer. Times by one monotonic clock."""

    began: float
    ended: float
    who: str
    """A customer, or one of the staff."""
    act: Act
    code: int | None
    """The status; None where no answer came."""
    gave_up: bool = False
    """Whether it was the client who did not wait for the answer."""
    problem: str = ""
    key: str = ""
    """Of a placement. Keys are the customer's own."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """What a placement asked for: sku -> quantity."""
    number: str = ""
    """The order that was asked for, or, of a placement, told of."""
    to: str = ""
    """The status that a write asked for."""
    sku: str = ""
    note: int = 0
    """Which edit of the product this was, or, of a read of it, is shown."""
    order: Mapping[str, Any] | None = None
    """The order in the answer."""
    listed: Mapping[str, str] | None = None
    """All orders of a list in the answer that shows all: number -> status."""
    stock: Mapping[str, int] = field(default_factory=dict)
    """The stock that the answer shows, or, of a refusal, says is there."""
    replayed: bool = False
    request: str = ""
    """The answer's X-Request-Id, to be found in logs."""

    @property
    def acknowledged(self) -> bool:
        return self.code is not None and 200 <= self.code < 300

    @property
    def unknown(self) -> bool:
        """Whether nobody can tell from the answer what became of a write."""
        return self.code is None or self.code >= 500

    @property
    def failed(self) -> bool:
        """Whether the shop failed, and not the client's patience."""
        return self.unknown and not self.gave_up

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.act, self.number, self.to, self.sku, self.key and f"key {self.key}")))
        said = (
            "hung up" if self.gave_up else "no answer" if self.code is None else f"{self.code} {self.problem}".strip()
        )
        asked = f" [{self.request}]" if self.request else ""
        return f"{self.who} {what} at {self.began:.3f}–{self.ended:.3f}: {said}{asked}"


@dataclass(frozen=True, slots=True)
class Outage:
    """From when something was killed until all of the shop answered as before."""

    component: Component
    began: float
    ended: float

    def meets(self, event: Event) -> bool:
        """Tell whether the request was under way meanwhile."""
        return event.began <= self.ended and self.began <= event.ended


@dataclass(frozen=True, slots=True)
class Reservation:
    """Stock that a side keeps for an order."""

    state: str
    lines: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Placement:
    """What a side knows of a customer's key."""

    number: str
    answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side holds in the end, of the shoppers and products of this history."""

    orders: Mapping[str, Mapping[str, Any]]
    """By number, as the API shows them."""
    stock: Mapping[str, int]
    notes: Mapping[str, int]
    """The edit that each product shows; 0: none."""
    reservations: Mapping[str, Reservation]
    """By order number."""
    placements: Mapping[tuple[str, str], Placement]
    """By customer and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What there is in the end."""

    sides: Mapping[Owner, Side]
    owners: Mapping[tuple[str, int], Sequence[Owner]]
    """Capability and bucket -> every side that says it owns it."""
    outboxes: Mapping[str, int]
    """Changes that have not been relayed, by database."""
    set_aside: Mapping[str, int]
    unwell: Sequence[str] = ()
    """What the doctor found."""
    differences: Sequence[str] = ()
    """What comparing the sides found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All of it."""

    events: Sequence[Event]
    stock: Mapping[str, int]
    """What there was of each product at the beginning."""
    outages: Sequence[Outage] = ()
    ending: Ending
