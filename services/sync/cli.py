"""The mover's commands: `./manage.py sync …`.

Reads `LEGACY_DATABASE_URL`, `PRODUCTS_DATABASE_URL` and `ORDERS_DATABASE_URL`, those of the capabilities asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.chassis import env
from services.sync.backfill import Report, WouldEmptyError, backfill, count, is_empty
from services.sync.mapping.capabilities import CAPABILITIES, Capability, Side, other

_console = Console(highlight=False)


def main(argv: list[str]) -> int:
    """Run one command and return its exit status: 0, 1 when it failed, 2 when it was not understood."""
    arguments = _parser().parse_args(argv)
    try:
        for name in dict.fromkeys(arguments.capabilities or CAPABILITIES):
            _backfill(CAPABILITIES[name], origin=arguments.origin, if_empty=arguments.if_empty)
    except (psycopg.Error, ValueError, WouldEmptyError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        sys.stderr.write(f"sync: {said[0]}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("sync: interrupted; nothing more was changed\n")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./manage.py sync", description="Moves rows between monolith and services.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "backfill",
        help="make one side's rows equal to the other's",
        description="Makes the rows of one side equal to the other's. Doing it again changes nothing.",
    )
    command.add_argument(
        "capabilities",
        nargs="*",
        type=_capability,
        metavar="CAPABILITY",
        help=f"{' or '.join(CAPABILITIES)}; all unless given",
    )
    command.add_argument(
        "--from",
        dest="origin",
        choices=("monolith", "service"),
        default="monolith",
        help="whose rows are copied (default: monolith); the other side's own are overwritten and removed",
    )
    command.add_argument("--if-empty", action="store_true", help="do nothing where the target has rows already")
    return parser


def _capability(name: str) -> str:
    if name not in CAPABILITIES:
        raise argparse.ArgumentTypeError(f"no capability {name!r}; there are: {', '.join(CAPABILITIES)}")
    return name


def _backfill(capability: Capability, *, origin: Side, if_empty: bool) -> None:
    destination = other(origin)
    with _connect(capability, origin) as source, _connect(capability, destination) as target:
        if if_empty and not is_empty(target, capability=capability, side=destination):
            _console.print(f"{capability.name}: the {destination} has rows already, nothing to do")
            return
        report = _with_progress(source, target, capability=capability, origin=origin)
    _console.print(
        f"{capability.name}: {report.rows:,} rows from the {origin}, {report.changed:,} changed at the {destination},"
        f" {report.seconds:.1f} s"
    )


def _with_progress(
    source: psycopg.Connection[Any], target: psycopg.Connection[Any], *, capability: Capability, origin: Side
) -> Report:
    columns: Sequence[Any] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal) as progress:
        estimate = count(source, capability=capability, side=origin)
        task = progress.add_task(capability.name, total=estimate or None)

        def advance(table: str, rows: int) -> None:
            progress.update(task, description=f"{capability.name}: {table}", advance=rows)

        return backfill(source, target, capability=capability, origin=origin, advance=advance)


def _connect(capability: Capability, side: Side) -> psycopg.Connection[Any]:
    url = env.text(f"{capability.component(side).upper()}_DATABASE_URL")
    # Each statement that is not in a transaction is one of its own: nothing is held open between them.
    return psycopg.connect(url, autocommit=True, application_name="sync", connect_timeout=5)
