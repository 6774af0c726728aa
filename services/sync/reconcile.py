"""Compares the two sides of a capability while both are in use.

Each table is read once at each side, both at the same time, and added up in parts. The rows of a part that does not
come to the same are compared one by one. Whatever differs is then looked at until it is the same, or is known to
differ: see `suspects.py`. Nothing is locked, and the two sides need not be read at one moment.

    NotRecorded           changes are not recorded at both sides: nothing says what is under way
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from psycopg.sql import SQL, Identifier, Literal

from services.sync import canonical
from services.sync.databases import GATEWAY, Connection, connect
from services.sync.digests import Digest, apart, batches, keys_apart, rows
from services.sync.errors import Refused
from services.sync.looks import Name, Seen, look
from services.sync.mapping.capabilities import CAPABILITIES, Capability, Pair, Side
from services.sync.outcome import Compared, Difference, Outcome, Total, summary
from services.sync.owners import owned
from services.sync.sides import SIDES, Sides
from services.sync.suspects import ENOUGH, Suspect, Verdict

Advance = Callable[[str, int], None]
"""Is told what is at work, and that so many more rows of both sides together have been compared."""

PATIENCE: Final = 10.0
"""Seconds that changes under way are given to arrive."""
SUSPECTS_MAX: Final = 10_000
"""Of a table. Sides that differ in more have another trouble than single rows."""
_LISTED_MAX: Final = 200_000
"""Rows that are held in memory of each side at once."""
_PAUSE, _PAUSE_MAX = 0.05, 1.0
_EXAMPLES: Final = 20

_BIG: Final = SQL(
    "SELECT greatest(reltuples, pg_relation_size(oid) / 200)::bigint FROM pg_class WHERE oid = {}::regclass"
)
_CAPTURING: Final = "SELECT capturing FROM ownership_capability WHERE name = %s"
# Of every type that is compared.
_SAMPLE: Final = SQL("""
    SELECT hash_record_extended(
        ROW('ß'::text, 7::integer, 2.5::numeric, true, '2026-11-23 10:00:00.123456Z'::timestamptz, NULL::text), 0
    )
""")
_REMEMBER: Final = """
    INSERT INTO migration_reconciliation (capability, started_at, finished_at, rows, differences, detail)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


class NotRecorded(Refused):
    """Changes are not recorded at both sides: nothing says what is under way. One line for people."""


@dataclass(slots=True)
class _Table:
    """What is known of a table so far."""

    pair: Pair
    rows: Mapping[Side, int]
    suspects: list[str]
    complete: bool


def reconcile(
    name: str,
    *,
    advance: Advance = lambda label, rows: None,
    patience: float = PATIENCE,
    clock: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
) -> Outcome:
    """Compare a capability's sides, remember what that showed, and return it; NotRecorded, Refused."""
    capability = CAPABILITIES[name]
    began = clock()
    with ExitStack() as stack:
        gateway = stack.enter_context(connect(GATEWAY, name="sync reconcile"))
        sides = Sides.open(stack, capability, name="sync reconcile")
        _check(sides, capability)
        tables = [_compare(sides, pair, advance=advance) for pair in capability.pairs]
        suspects = {(table.pair.aggregate, key) for table in tables for key in table.suspects}
        verdicts = _judge(sides, capability, suspects, advance=advance, patience=patience)
        outcome = Outcome(
            capability=name,
            started_at=began,
            tables=_told(sides, capability, tables, verdicts),
            totals=[total for pair in capability.pairs for total in _totals(sides, pair)],
            finished_at=clock(),
        )
        _remember(gateway, outcome)
    return outcome


def _check(sides: Sides, capability: Capability) -> None:
    recorded = sides.read(lambda _, connection: connection.execute(_CAPTURING, [capability.name]).fetchone())
    for side, row in recorded.items():
        if row != (True,):
            raise NotRecorded(
                f"{capability.name}: the {side} records no changes: ./manage.py sync backfill {capability.name}"
            )
    hashed = sides.query(lambda _: _SAMPLE.format())
    if hashed["monolith"] != hashed["service"]:
        raise Refused(
            f"{capability.name}: the two databases hash the same row differently; are their versions the same?"
        )


def _compare(sides: Sides, pair: Pair, *, advance: Advance) -> _Table:
    advance(pair.aggregate, 0)
    sizes = sides.query(lambda side: _BIG.format(Literal(_quoted(pair, side))))
    parts = canonical.parts(max(rows[0][0] for rows in sizes.values()))
    found = sides.query(lambda side: canonical.digesting(pair, side, parts=parts))
    here, there = ({part: Digest(*rest) for part, *rest in found[side]} for side in SIDES)
    suspects: list[str] = []
    complete = True
    for chosen in batches(apart(here, there), here, there, most=_LISTED_MAX):
        if len(suspects) >= SUSPECTS_MAX:
            complete = False
            break
        listed = sides.query(lambda side, some=chosen: canonical.listing(pair, side, parts=parts, chosen=some))  # type: ignore[misc]
        suspects += keys_apart(dict(listed["monolith"]), dict(listed["service"]))
    counts: dict[Side, int] = {"monolith": rows(here), "service": rows(there)}
    advance(pair.aggregate, sum(counts.values()))
    return _Table(pair, counts, suspects[:SUSPECTS_MAX], complete and len(suspects) <= SUSPECTS_MAX)


def _judge(
    sides: Sides, capability: Capability, names: set[Name], *, advance: Advance, patience: float
) -> dict[Name, tuple[Verdict, Seen]]:
    """This will look at rows until each is the same, differs, or time is up; the same ones are left out."""
    suspects = {name: Suspect() for name in names}
    verdicts: dict[Name, tuple[Verdict, Seen]] = {}
    seen: dict[Name, Seen] = {}
    deadline, pause, late = time.monotonic() + patience, _PAUSE, 0
    while suspects:
        advance(f"looking again at {len(suspects):,} rows", 0)
        seen = look(sides, capability=capability, names=suspects.keys())
        for name in list(suspects):
            verdict = suspects[name].look(seen[name].look) if name in seen else "same"
            if verdict is not None:
                del suspects[name]
                if verdict != "same":
                    verdicts[name] = (verdict, seen[name])
        if time.monotonic() + pause > deadline:
            # Patience is for what is under way. Of the rest a few looks more bring certainty, however long they take.
            late += 1
            if late > ENOUGH or not any(suspect.settling for suspect in suspects.values()):
                break
        if suspects:
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX)
    return verdicts | {name: (suspect.give_up(), seen[name]) for name, suspect in suspects.items()}


def _told(
    sides: Sides, capability: Capability, tables: list[_Table], verdicts: Mapping[Name, tuple[Verdict, Seen]]
) -> list[Compared]:
    owners = sides.read(lambda _, connection: owned(connection, capability=capability.name))
    told = []
    for table in tables:
        known = [(verdict, seen) for name, (verdict, seen) in verdicts.items() if name[0] == table.pair.aggregate]
        found = [_difference(table.pair, seen, owners) for verdict, seen in known if verdict == "differs"]
        told.append(
            Compared(
                aggregate=table.pair.aggregate,
                rows=table.rows,
                found=sorted(found, key=lambda difference: difference.keys["service"]),
                undecided=Counter(verdict for verdict, _ in known if verdict != "differs"),
                complete=table.complete,
            )
        )
    return told


def _difference(pair: Pair, seen: Seen, owners: Mapping[Side, frozenset[int]]) -> Difference:
    # A row that fell into another bucket at the other side may seem to have two owners, or none.
    right = {side for side in SIDES if any(row.bucket in owners[side] for row in seen.rows.values())}
    values = {side: json.loads(row.values, parse_float=Decimal) for side, row in seen.rows.items()}
    return Difference(
        pair=pair,
        keys=seen.keys,
        owner=right.pop() if len(right) == 1 else None,
        rows=values,
        columns=canonical.columns_apart(pair, values["monolith"], values["service"]) if len(values) == 2 else (),
    )


def _totals(sides: Sides, pair: Pair) -> list[Total]:
    names = canonical.added_up(pair)
    if not names:
        return []
    found = sides.query(lambda side: canonical.adding_up(pair, side))
    by: dict[Side, dict[str, tuple[Any, ...]]] = {
        side: {word: tuple(rest) for word, *rest in rows} for side, rows in found.items()
    }
    nothing = (0, *(Decimal(0) for _ in names))
    totals = []
    for word in sorted({word for its in by.values() for word in its}):
        its = {side: by[side].get(word, nothing) for side in SIDES}
        totals.append(
            Total(
                aggregate=pair.aggregate,
                by=word,
                rows={side: its[side][0] for side in SIDES},
                sums={name: {side: its[side][n] for side in SIDES} for n, name in enumerate(names, start=1)},
            )
        )
    return totals


def _remember(gateway: Connection, outcome: Outcome) -> None:
    # Rows hold what customers have told the shop; the control plane has no need to know.
    detail = json.dumps(summary(outcome, examples=_EXAMPLES, values=False))
    gateway.execute(
        _REMEMBER,
        [
            outcome.capability,
            outcome.started_at,
            outcome.finished_at,
            outcome.rows,
            outcome.differences,
            detail,
        ],
    )


def _quoted(pair: Pair, side: Side) -> str:
    return Identifier(pair.end(side).table.name).as_string()
