"""Looks at rows that were seen to differ: at both sides, and at what is under way between them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.sync import canonical
from services.sync.databases import Connection
from services.sync.mapping.capabilities import Capability, Pair, Side
from services.sync.sides import SIDES, Sides
from services.sync.suspects import Look, Pending

Name = tuple[str, str]
"""A row's aggregate, and its key in the service's words."""

_AT_ONCE: Final = 1000
"""Rows looked up by one statement."""

_PENDING: Final = """
    SELECT o.aggregate, o.key, min(o.id), max(o.id), bool_or(o.failed_at IS NOT NULL OR EXISTS (
        SELECT FROM ownership_outbox f
        WHERE f.capability = o.capability AND f.root = o.root AND f.failed_at IS NOT NULL
    ))
    FROM ownership_outbox o
    WHERE o.capability = %(capability)s AND (o.aggregate, o.key) IN (
        SELECT k.aggregate, k.key FROM json_to_recordset(%(keys)s::json) AS k(aggregate text, key text)
    )
    GROUP BY o.aggregate, o.key
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A row at one side."""

    monolith_key: str
    hash: int
    values: str
    """JSON, in the service's words."""
    bucket: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A row at both sides: what there is to judge by, and what there is to tell."""

    look: Look
    keys: Mapping[Side, str]
    rows: Mapping[Side, Row]


def look(sides: Sides, *, capability: Capability, names: Collection[Name]) -> dict[Name, Seen]:
    """Return what there is of these rows now. Rows that are at neither side are left out."""
    rows: dict[Side, dict[Name, Row]] = {side: {} for side in SIDES}
    for pair in capability.pairs:
        keys = sorted(key for aggregate, key in names if aggregate == pair.aggregate)
        for begin in range(0, len(keys), _AT_ONCE):
            for side, found in _rows(sides, pair, capability, keys[begin : begin + _AT_ONCE]).items():
                rows[side].update({(pair.aggregate, key): row for key, row in found.items()})
    spelt: dict[Name, Mapping[Side, str]] = {
        name: {"monolith": row.monolith_key, "service": name[1]} for side in SIDES for name, row in rows[side].items()
    }
    pending = sides.read(
        lambda side, connection: pending_at(
            connection, capability=capability, keys=[(name[0], keys[side]) for name, keys in spelt.items()]
        )
    )
    return {
        name: Seen(
            Look(
                _hash(rows["monolith"].get(name)),
                _hash(rows["service"].get(name)),
                {side: pending[side][name[0], keys[side]] for side in SIDES if (name[0], keys[side]) in pending[side]},
            ),
            keys,
            {side: rows[side][name] for side in SIDES if name in rows[side]},
        )
        for name, keys in spelt.items()
    }


def pending_at(connection: Connection, *, capability: Capability, keys: Iterable[Name]) -> dict[Name, Pending]:
    """Return what a side's outbox holds of rows, by aggregate and key in that side's words."""
    asked = json.dumps([{"aggregate": aggregate, "key": key} for aggregate, key in keys])
    found = connection.execute(_PENDING, {"capability": capability.name, "keys": asked})
    return {(aggregate, key): Pending(*rest) for aggregate, key, *rest in found}


def _rows(sides: Sides, pair: Pair, capability: Capability, keys: Sequence[str]) -> dict[Side, dict[str, Row]]:
    found: dict[Side, list[tuple[Any, ...]]] = sides.query(
        lambda side: canonical.looking_up(pair, side, capability=capability, keys=keys)
    )
    return {side: {key: Row(*rest) for key, *rest in rows} for side, rows in found.items()}


def _hash(row: Row | None) -> int | None:
    return None if row is None else row.hash
