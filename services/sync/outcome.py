"""What comparing a capability's two sides has shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from services.sync.mapping.capabilities import Pair, Side
from services.sync.suspects import Verdict

Kind = Literal["missing", "extra", "different"]
"""At the side that does not own the row: it is not there, it is there alone, it is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row that is not the same at both sides, with nothing under way that would make it so."""

    pair: Pair
    keys: Mapping[Side, str]
    """How each side's outbox spells its key."""
    owner: Side | None
    """Whose row is right; None when that cannot be told."""
    rows: Mapping[Side, Mapping[str, Any]]
    """What the sides have, in the service's words."""
    columns: Sequence[str]
    """Where that differs, if both have it."""

    @property
    def kind(self) -> Kind:
        if len(self.rows) == 2:
            return "different"
        return "extra" if self.owner is not None and self.owner not in self.rows else "missing"

    def __str__(self) -> str:
        where = f" at the {next(side for side in ('monolith', 'service') if side != self.owner)}" if self.owner else ""
        what = ", ".join(self.columns) or self.kind
        return f"{self.pair.aggregate} {self.keys['service']}: {what}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A table of both sides."""

    aggregate: str
    rows: Mapping[Side, int]
    found: Sequence[Difference]
    undecided: Mapping[Verdict, int]
    """How many rows differed and were `waiting`, `set aside` or `changing`."""
    complete: bool
    """False when so many rows differed that not all of them were looked at."""

    def count(self, kind: Kind) -> int:
        """Return how many differences of a kind there are."""
        return sum(difference.kind == kind for difference in self.found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What a side's rows come to."""

    aggregate: str
    by: str
    """What they have in common: a status."""
    rows: Mapping[Side, int]
    sums: Mapping[str, Mapping[Side, Decimal]]

    @property
    def equal(self) -> bool:
        return all(len(set(sides.values())) == 1 for sides in (self.rows, *self.sums.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one comparison of a capability."""

    capability: str
    started_at: datetime
    finished_at: datetime
    tables: Sequence[Compared]
    totals: Sequence[Total]
    """Read at the end, and not in one moment: writes under way may be in one of the two."""

    @property
    def found(self) -> list[Difference]:
        return [difference for table in self.tables for difference in table.found]

    @property
    def differences(self) -> int:
        return sum(len(table.found) for table in self.tables)

    @property
    def rows(self) -> int:
        """How many rows were compared."""
        return sum(max(table.rows.values()) for table in self.tables)

    @property
    def clean(self) -> bool:
        """Whether both sides have shown that they hold the same."""
        undecided = sum(
            table.undecided.get(verdict, 0) for table in self.tables for verdict in ("waiting", "set aside")
        )
        return not self.differences and not undecided and all(table.complete for table in self.tables)


def summary(outcome: Outcome, *, examples: int | None = None, values: bool = True) -> dict[str, Any]:
    """Return it as JSON, with so many differences (None: all), and with or without what is in the rows."""
    return {
        "clean": outcome.clean,
        "rows": outcome.rows,
        "differences": outcome.differences,
        "seconds": round((outcome.finished_at - outcome.started_at).total_seconds(), 3),
        "tables": {
            table.aggregate: {
                "rows": dict(table.rows),
                "missing": table.count("missing"),
                "extra": table.count("extra"),
                "different": table.count("different"),
                "waiting": table.undecided.get("waiting", 0),
                "set_aside": table.undecided.get("set aside", 0),
                "changing": table.undecided.get("changing", 0),
                "complete": table.complete,
            }
            for table in outcome.tables
        },
        "totals": [
            {
                "aggregate": total.aggregate,
                "of": total.by,
                "equal": total.equal,
                "rows": dict(total.rows),
                **{name: {side: str(amount) for side, amount in its.items()} for name, its in total.sums.items()},
            }
            for total in outcome.totals
        ],
        "found": [_difference(difference, values=values) for difference in outcome.found[:examples]],
    }


def _difference(difference: Difference, *, values: bool) -> dict[str, Any]:
    said: dict[str, Any] = {
        "aggregate": difference.pair.aggregate,
        "key": difference.keys["service"],
        "owner": difference.owner,
        "kind": difference.kind,
        "columns": list(difference.columns),
    }
    if values:
        for side, row in difference.rows.items():
            said[side] = {name: _plain(row[name]) for name in difference.columns or row}
    return said


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
