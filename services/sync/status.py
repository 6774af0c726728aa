"""How the mover's work stands, as the databases say: for `./manage.py sync status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import psycopg

from services.ownership.schema import BUCKETS
from services.sync.databases import GATEWAY, connect
from services.sync.mapping.capabilities import CAPABILITIES, Capability, Side
from services.sync.measure import Control, Reconciled, SetAside, control, holder, measure, set_aside
from services.sync.pulse import Measured

SHOWN: Final = 5
"""Roots with set-aside changes that are named, of each side."""
_SIDES: Final[tuple[Side, ...]] = ("monolith", "service")
_NAME: Final = "sync status"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideStatus:
    """One side of a capability, and the relay that carries its changes."""

    measured: Measured
    leader: str | None
    """Who relays; None: nobody."""
    set_aside: list[SetAside]
    """The first few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A capability."""

    sides: Mapping[Side, SideStatus]
    """Those whose database could be asked."""
    nobody: int | None
    """Buckets that no side owns; None when not both could be asked."""
    reconciled: Reconciled | None
    open_seconds: float | None
    """For how long a move has been open; None: there is none."""


@dataclass(frozen=True, slots=True)
class Statuses:
    """All of it."""

    capabilities: Mapping[str, Status]
    away: Mapping[str, str] = field(default_factory=dict)
    """Component whose database could not be asked -> why."""


def read() -> Statuses:
    """Return how all capabilities stand. A database that is away is part of the answer."""
    away: dict[str, str] = {}
    known = Control()
    try:
        with connect(GATEWAY, name=_NAME) as gateway:
            known = control(gateway)
    except psycopg.Error as error:
        away[GATEWAY] = _line(error)
    return Statuses(
        {name: _status(capability, known, away) for name, capability in CAPABILITIES.items()},
        away,
    )


def _status(capability: Capability, known: Control, away: dict[str, str]) -> Status:
    sides: dict[Side, SideStatus] = {}
    for side in _SIDES:
        component = capability.component(side)
        if component in away:
            continue
        try:
            sides[side] = _side(capability, side)
        except psycopg.Error as error:
            away[component] = _line(error)
    owned = sum(status.measured.own for status in sides.values())
    return Status(
        sides=sides,
        # The two were not counted in one moment.
        nobody=max(0, BUCKETS[capability.name] - owned) if len(sides) == len(_SIDES) else None,
        reconciled=known.reconciled.get(capability.name),
        open_seconds=known.open_seconds.get(capability.name),
    )


def _side(capability: Capability, side: Side) -> SideStatus:
    with connect(capability.component(side), name=_NAME) as connection:
        return SideStatus(
            measured=measure(connection, capability=capability.name),
            leader=holder(connection, f"relay.{capability.name}.{side}"),
            set_aside=set_aside(connection, capability=capability.name, limit=SHOWN),
        )


def _line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
