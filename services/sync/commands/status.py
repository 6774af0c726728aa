"""Says how far the sides are apart, who relays, what was set aside and why. Changes nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

    from services.sync.status import Status, Statuses

HELP: Final = "say how the relays stand"


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe what may be said."""
    parser.add_argument("--json", action="store_true", help="say it for programs")


def run(arguments: argparse.Namespace) -> int:
    """Say it, and return 1 when a database could not be asked."""
    from services.sync.status import read

    statuses = read()
    if arguments.json:
        import json

        print(json.dumps(summary(statuses), indent=2))  # noqa: T201
    else:
        from rich.console import Console

        _print(Console(highlight=False), statuses)
    return 1 if statuses.away else 0


def summary(statuses: Statuses) -> dict[str, Any]:
    """Return it as it is said to programs."""
    return {
        "capabilities": {name: _summary(status) for name, status in statuses.capabilities.items()},
        "away": dict(statuses.away),
    }


def _summary(status: Status) -> dict[str, Any]:
    last = status.reconciled
    return {
        "buckets": {**{side: known.measured.own for side, known in status.sides.items()}, "nobody": status.nobody},
        "sides": {
            side: {
                "capturing": known.measured.capturing,
                "outbox": known.measured.waiting,
                "set_aside": known.measured.set_aside,
                "lag_seconds": round(known.measured.lag, 3),
                "leader": known.leader,
                "first_set_aside": [
                    {"root": one.root, "since": one.since.isoformat(), "changes": one.changes, "reason": one.reason}
                    for one in known.set_aside
                ],
            }
            for side, known in status.sides.items()
        },
        "reconciled": last and {"at": last.at.isoformat(), "rows": last.rows, "differences": last.differences},
        "open_move_seconds": status.open_seconds,
    }


def _print(console: Console, statuses: Statuses) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("capability", "side", "owns", "recorded", "outbox", "set aside", "oldest", "relayed by"):
        table.add_column(column, justify="right" if column in {"owns", "outbox", "set aside", "oldest"} else "left")
    for name, status in statuses.capabilities.items():
        for side, known in status.sides.items():
            measured = known.measured
            table.add_row(
                name,
                side,
                f"{measured.own:,}",
                "yes" if measured.capturing else "no",
                f"{measured.waiting:,}",
                f"[red]{measured.set_aside:,}[/red]" if measured.set_aside else "0",
                f"{measured.lag:.1f} s" if measured.waiting else "–",
                escape((known.leader or ("nobody" if measured.called_for else "–")).removeprefix("sync ")),
            )
    console.print(table)
    for name, status in statuses.capabilities.items():
        for line in _lines(status):
            console.print(f"{name}: {escape(line)}")
    for component, why in statuses.away.items():
        console.print(f"[red]not read[/red] the database of {component}: {escape(why)}")


def _lines(status: Status) -> list[str]:
    lines = []
    if status.nobody:
        lines.append(f"nobody owns {status.nobody:,} buckets")
    if status.open_seconds is not None:
        lines.append(f"a move has been open for {status.open_seconds:.0f} s")
    last = status.reconciled
    if last is None:
        lines.append("the sides were never compared")
    else:
        lines.append(f"compared {last.at:%Y-%m-%d %H:%M:%S %Z}: {last.differences:,} differences in {last.rows:,} rows")
    for side, known in status.sides.items():
        for one in known.set_aside:
            changes = f"{one.changes:,} change{'' if one.changes == 1 else 's'}"
            lines.append(
                f"{side}'s {one.root}, {changes} set aside since {one.since:%Y-%m-%d %H:%M:%S %Z}: {one.reason}"
            )
    return lines
