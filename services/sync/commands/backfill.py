"""Copies rows from the side that owns them to the other, while both are in use.

Both sides record their changes from then on. What is there already stays as it is; after an interruption, run it again.
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from services.sync.arm import arm
from services.sync.backfill import Report, backfill, count, drain, is_empty, origin_of
from services.sync.cli import capability as known
from services.sync.databases import Connection, connect
from services.sync.mapping.capabilities import CAPABILITIES, Capability, Side, other
from services.sync.pace import Pace

HELP: Final = "copy the rows of the side that owns them to the other"

_console = Console(highlight=False)


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what can be asked for."""
    parser.add_argument(
        "capabilities",
        nargs="*",
        type=known,
        metavar="CAPABILITY",
        help=f"{' or '.join(CAPABILITIES)}; all unless given",
    )
    parser.add_argument(
        "--if-empty", action="store_true", help="copy nothing where the other side has rows; changes are recorded"
    )
    parser.add_argument("--rate", type=_rate, metavar="ROWS", help="copy no more than so many rows per second")


def run(arguments: argparse.Namespace) -> int:
    """Copy one capability after the other, and return 1 when changes of one have not come over."""
    complete = True
    for name in dict.fromkeys(arguments.capabilities or CAPABILITIES):
        complete &= _backfill(CAPABILITIES[name], if_empty=arguments.if_empty, rate=arguments.rate)
    return 0 if complete else 1


def _backfill(capability: Capability, *, if_empty: bool, rate: int | None) -> bool:
    arm(capability)
    with connect(capability.component("service")) as service, connect(capability.component("monolith")) as monolith:
        origin = origin_of(service, capability=capability)
        source, receiver = (monolith, service) if origin == "monolith" else (service, monolith)
        if if_empty and not is_empty(receiver, capability=capability, side=other(origin)):
            _console.print(f"{capability.name}: the {other(origin)} has rows already, nothing to do")
            return True
        report = _with_progress(source, receiver, capability=capability, origin=origin, rate=rate)
    for table, rows in report.rows.items():
        _console.print(f"{capability.name}: {table}: {rows:,} rows, {report.new[table]:,} new")
    _console.print(
        f"{capability.name}: {sum(report.rows.values()):,} rows from the {origin},"
        f" {sum(report.new.values()):,} new at the {other(origin)}, {report.seconds:.1f} s,"
        f" {report.rows_per_second:,.0f} rows/s"
    )
    if not drain(capability=capability, origin=origin):
        sys.stderr.write(
            f"sync: {capability.name}: all rows were copied, but changes that were made meanwhile do not come over;"
            " is the relay that leads alive? ./manage.py sync status\n"
        )
        return False
    return True


def _with_progress(
    source: Connection, receiver: Connection, *, capability: Capability, origin: Side, rate: int | None
) -> Report:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of about {task.total:,.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal) as progress:
        # As the planner knows it: exact counts of large tables take as long as copying a part of them.
        estimate = count(source, capability=capability, side=origin)
        task = progress.add_task(capability.name, total=estimate)

        def advance(table: str, rows: int) -> None:
            done = progress.tasks[task].completed + rows
            # An estimate that has been passed was too low; it is never shown as more than done.
            progress.update(task, description=f"{capability.name}: {table}", completed=done, total=max(estimate, done))

        return backfill(source, receiver, capability=capability, origin=origin, pace=Pace(rate=rate), advance=advance)


def _rate(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows")
    return int(text)
