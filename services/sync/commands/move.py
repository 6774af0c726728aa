"""Moves the ownership of buckets, and with it the writes, to one side. Writers wait for some milliseconds."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.ownership.schema import BUCKETS
from services.sync import cli, owners
from services.sync.buckets import of_percent, parse, spell
from services.sync.cutover import Limits, Outcome, Report, move
from services.sync.databases import connect
from services.sync.errors import Refused
from services.sync.mapping.capabilities import CAPABILITIES, Side

HELP: Final = "move the ownership of buckets to one side"

_console = Console(soft_wrap=True, highlight=False)


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe what may be said."""
    parser.add_argument("capability", type=cli.capability, metavar="CAPABILITY", help=" or ".join(CAPABILITIES))
    parser.add_argument("--to", choices=("service", "monolith"), help="the side that is to own; needed unless --writes")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--writes", type=_percent, metavar="PERCENT", help="let the service own this share of the buckets, and no more"
    )
    which.add_argument("--buckets", metavar="0-127,200", help="move these buckets (default: all)")
    parser.add_argument(
        "--batch", type=_positive, default=Limits().batch, help="buckets at a time (default: %(default)s)"
    )
    parser.add_argument("--by", default=getpass.getuser(), help="who moves them (default: %(default)s)")
    parser.add_argument("--reason", default="moved by ./manage.py sync move", help="why, for the record")


def run(arguments: argparse.Namespace) -> int:
    """Move, print what became of it, and return the exit status."""
    capability: str = arguments.capability
    wanted = _wanted(arguments)
    reports = []
    for to, buckets in wanted:
        with _progress(capability, to, len(buckets)) as progress:
            task = progress.tasks[0].id

            def finished(outcome: Outcome, progress: Progress = progress, task: int = task) -> None:
                progress.advance(task, len(outcome.buckets))  # type: ignore[arg-type]

            reports.append(
                move(
                    capability,
                    buckets,
                    to,
                    by=arguments.by,
                    reason=arguments.reason,
                    limits=Limits(batch=arguments.batch),
                    finished=finished,
                )
            )
    for report in reports:
        _print(report)
    if not reports:
        _console.print(f"{capability}: the service owns that share already, nothing to do")
    return 1 if any(report.failed for report in reports) else 0


def _wanted(arguments: argparse.Namespace) -> list[tuple[Side, Sequence[int]]]:
    """Return what to move where: with a share, whatever it takes."""
    capability: str = arguments.capability
    count = BUCKETS[capability]
    if arguments.writes is None:
        if arguments.to is None:
            raise Refused("say --to service, --to monolith or --writes PERCENT")
        return [(arguments.to, parse(arguments.buckets, count=count) if arguments.buckets else range(count))]
    share = of_percent(arguments.writes, count=count)
    with connect(CAPABILITIES[capability].component("service")) as service:
        owned = owners.owned(service, capability=capability)
    moves: list[tuple[Side, Sequence[int]]] = [
        ("monolith", [bucket for bucket in owned if bucket >= share]),
        ("service", [bucket for bucket in range(share) if bucket not in owned]),
    ]
    moves = [(to, buckets) for to, buckets in moves if buckets]
    for to, buckets in moves:
        if arguments.to not in {None, to}:
            raise Refused(f"for that share, {len(buckets)} buckets would have to move to the {to}")
    return moves


def _progress(capability: str, to: Side, total: int) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal)
    progress.add_task(f"{capability} to the {to}", total=total)
    return progress


def _print(report: Report) -> None:
    if report.outcomes:
        table = Table("buckets", "moved", "pause", "why not", box=None, pad_edge=False, header_style="bold")
        for outcome in report.outcomes:
            pause = "–" if outcome.pause_ms is None else f"{outcome.pause_ms:.0f} ms"
            moved = "no" if outcome.reason else "yes"
            table.add_row(spell(outcome.buckets), moved, pause, escape(outcome.reason))
        _console.print(table)
    parts = [f"{report.capability}: {_buckets(report.moved)} moved to the {report.to}"]
    if report.already:
        parts.append(f"{_buckets(report.already)} there before")
    if report.longest is not None:
        parts.append(f"the longest pause {report.longest:.0f} ms")
    if report.failed:
        parts.append(f"{_buckets(sum(len(outcome.buckets) for outcome in report.failed))} not moved")
    _console.print(", ".join(parts))


def _buckets(number: int) -> str:
    return f"{number:,} bucket" if number == 1 else f"{number:,} buckets"


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage") from None
    if not 0 <= percent <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage")
    return percent


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not above zero")
    return number
