"""What tests of moves begin with, and ask for afterwards."""

from __future__ import annotations

from services.ownership.schema import BUCKETS
from services.sync.cutover import Limits, Report, move
from services.sync.databases import connect
from services.sync.mapping.capabilities import Side

ALL = {name: range(count) for name, count in BUCKETS.items()}
SIDES: tuple[Side, ...] = ("service", "monolith")


def everything(capability: str, to: Side, **options: object) -> Report:
    options = {"limits": Limits(batch=1024), **options}
    return move(capability, ALL[capability], to, by="test", reason="a test", **options)  # type: ignore[arg-type]


def toggle(capability: str) -> tuple[int, str, str]:
    with connect("gateway") as gateway:
        row = gateway.execute(
            "SELECT writes, updated_by, reason FROM routing_toggle WHERE capability = %s", [capability]
        ).fetchone()
    assert row
    return row[0], row[1], row[2]


def states() -> list[str]:
    with connect("gateway") as gateway:
        return [state for (state,) in gateway.execute("SELECT state FROM migration_cutover ORDER BY id")]
