"""Says who owns what, finds what is wrong with it, and brings interrupted moves to their end."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any, Final

import psycopg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.ownership.schema import BUCKETS
from services.sync import cli
from services.sync.buckets import spell
from services.sync.doctor import Examination, examine
from services.sync.errors import Refused
from services.sync.mapping.capabilities import CAPABILITIES
from services.sync.owners import Holding

HELP: Final = "say who owns what, and repair interrupted moves"

_console = Console(soft_wrap=True, highlight=False)


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe what may be said."""
    parser.add_argument(
        "capabilities", nargs="*", type=cli.capability, metavar="CAPABILITY", help=f"{' or '.join(CAPABILITIES)}; all"
    )
    parser.add_argument("--dry-run", action="store_true", help="look, and repair nothing")
    parser.add_argument("--json", action="store_true", help="say it for programs")


def run(arguments: argparse.Namespace) -> int:
    """Examine, print what was found, and return 0 when nothing is left for people to do."""
    found: dict[str, Examination] = {}
    unread: dict[str, str] = {}
    for capability in dict.fromkeys(arguments.capabilities or CAPABILITIES):
        # One capability's database may be away: the others are looked at all the same.
        try:
            found[capability] = examine(capability, dry_run=arguments.dry_run)
        except (psycopg.Error, Refused) as error:
            unread[capability] = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if arguments.json:
        said = {name: summary(examination) for name, examination in found.items()}
        said |= {name: {"well": False, "unread": why} for name, why in unread.items()}
        print(json.dumps(said, indent=2))  # noqa: T201
    else:
        _print(found, unread, dry_run=arguments.dry_run)
    return 0 if not unread and all(examination.well for examination in found.values()) else 1


def summary(examination: Examination) -> dict[str, Any]:
    """Return an examination as it is said to programs."""
    view = examination.view
    own = {"monolith": view.monolith.own, "service": view.service.own}
    both = own["monolith"] & own["service"]
    nobody = BUCKETS[view.capability] - len(own["monolith"] | own["service"])
    return {
        "well": examination.well,
        "moving": examination.moving,
        "owned": {
            "monolith": len(own["monolith"] - both),
            "service": len(own["service"] - both),
            "both": len(both),
            "nobody": nobody,
        },
        "toggle": view.writes,
        "sides": {side: _side(view.at(side)) for side in ("monolith", "service")},
        "open_moves": [
            {
                "id": record.id,
                "buckets": spell(record.buckets),
                "to": record.target,
                "epoch": record.epoch,
                "state": record.state,
            }
            for record in view.records
        ],
        "repaired": list(examination.repaired),
        "findings": [{"kind": finding.kind, "says": finding.says} for finding in examination.findings],
    }


def _side(holding: Holding) -> dict[str, Any]:
    epochs = [epoch for _, epoch in holding.owners.values()]
    return {
        "says": dict(sorted(Counter(owner for owner, _ in holding.owners.values()).items())),
        "epochs": [min(epochs), max(epochs)] if epochs else [],
        "capturing": holding.capturing,
        "outbox": holding.waiting,
        "set_aside": holding.set_aside,
    }


def _print(found: dict[str, Examination], unread: dict[str, str], *, dry_run: bool) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("capability", "monolith", "service", "nobody", "both", "epochs", "recorded", "outbox", "toggle"):
        table.add_column(column, justify="left" if column in {"capability", "recorded", "epochs"} else "right")
    for capability, examination in found.items():
        said = summary(examination)
        sides = said["sides"].values()
        epochs = [epoch for side in sides for epoch in side["epochs"]]
        recorded = [name for name, side in said["sides"].items() if side["capturing"]]
        table.add_row(
            capability,
            *(f"{said['owned'][who]:,}" for who in ("monolith", "service", "nobody", "both")),
            f"{min(epochs)}–{max(epochs)}" if epochs else "–",
            "both sides" if len(recorded) == 2 else ", ".join(recorded) or "no",
            " / ".join(f"{side['outbox']:,}" for side in sides),
            f"{said['toggle']:,}",
        )
    if found:
        _console.print(table)
    for capability, examination in found.items():
        for record in examination.view.records:
            _console.print(
                f"{capability}: move {record.id} of buckets {spell(record.buckets)} to the {record.target}"
                f" is {record.state}{', and its mover at work' if examination.moving else ''}"
            )
        for line in examination.repaired:
            _console.print(f"[green]repaired[/green] {escape(line)}")
        for finding in examination.findings:
            mark = "[red]for people[/red]" if finding.for_people or not dry_run else "[yellow]to repair[/yellow]"
            _console.print(f"{mark} {capability}: {escape(finding.says)}")
        if examination.moving:
            _console.print(f"{capability} is being moved right now: nothing of it was touched")
    for capability, why in unread.items():
        _console.print(f"[red]not read[/red] {capability}: {escape(why)}")
    if not unread and all(examination.well for examination in found.values()):
        _console.print("all well")
