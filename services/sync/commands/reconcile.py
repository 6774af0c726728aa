"""Compares the rows of both sides, while both are in use.

What differs with nothing under way that would make it the same is counted and named. With --repair the owner's rows
are carried over once more, and what only the other side has is deleted there; then both sides are compared again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from services.sync import cli
from services.sync.mapping.capabilities import CAPABILITIES, Side

if TYPE_CHECKING:
    from rich.console import Console

    from services.sync.outcome import Kind, Outcome
    from services.sync.reconcile import Advance
    from services.sync.repair import Repaired
    from services.sync.suspects import Verdict

HELP: Final = "compare both sides' rows, and repair what differs"

_SHOWN: Final = 10
_SIDES: Final[tuple[Side, ...]] = ("monolith", "service")
_KINDS: Final[tuple[Kind, ...]] = ("missing", "extra", "different")
_UNDECIDED: Final[tuple[Verdict, ...]] = ("waiting", "set aside", "changing")


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe what may be said."""
    parser.add_argument(
        "capabilities",
        nargs="*",
        type=cli.capability,
        metavar="CAPABILITY",
        help=f"{' or '.join(CAPABILITIES)}; all whose changes are recorded unless given",
    )
    parser.add_argument("--repair", action="store_true", help="make the other side as its owner has it")
    parser.add_argument("--json", action="store_true", help="say it for programs")


def run(arguments: argparse.Namespace) -> int:
    """Compare, and return 0 when both sides hold the same; after a repair, 0 when they do then."""
    from rich.console import Console

    from services.sync.errors import Refused
    from services.sync.reconcile import NotRecorded

    console = Console(highlight=False, quiet=arguments.json)
    said: dict[str, Any] = {}
    skipped: list[NotRecorded] = []
    clean = True
    for name in dict.fromkeys(arguments.capabilities or CAPABILITIES):
        try:
            said[name], well = _one(name, console, repairing=arguments.repair)
        except NotRecorded as error:
            skipped.append(error)
        except Refused as error:
            sys.stderr.write(f"sync: {error}\n")
            said[name] = {"clean": False, "refused": str(error)}
            clean = False
        else:
            clean &= well
    if arguments.json:
        print(json.dumps(said, indent=2))  # noqa: T201
    for reason in skipped:
        sys.stderr.write(f"sync: {reason}\n")
    # What was asked for by name must be compared; of all, something.
    return 0 if clean and said and not (skipped and arguments.capabilities) else 1


def _one(name: str, console: Console, *, repairing: bool) -> tuple[dict[str, Any], bool]:
    """This will compare and perhaps repair a capability, tell of it, and return what programs are told."""
    from services.sync.outcome import summary
    from services.sync.reconcile import reconcile

    with _progress(name, console) as advance:
        outcome = reconcile(name, advance=advance)
    _print(console, outcome)
    said = summary(outcome)
    if repairing and outcome.found:
        done = _repaired(outcome)
        _print_repaired(console, name, done)
        with _progress(name, console) as advance:
            outcome = reconcile(name, advance=advance)
        _print(console, outcome)
        said |= {
            "repaired": {
                "touched": [str(difference) for difference in done.touched],
                "deleted": [str(difference) for difference in done.deleted],
                "left": [{"row": str(difference), "why": why} for difference, why in done.left],
            },
            "after": summary(outcome),
        }
    return said, outcome.clean


def _repaired(outcome: Outcome) -> Repaired:
    from services.sync.backfill import drain
    from services.sync.repair import repair

    done = repair(outcome)
    for side in _SIDES:
        if any(difference.owner == side for difference in done.touched):
            # Relays itself where nobody does.
            drain(capability=CAPABILITIES[outcome.capability], origin=side)
    return done


@contextmanager
def _progress(name: str, console: Console) -> Iterator[Advance]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from services.sync.backfill import count
    from services.sync.databases import connect

    if console.quiet or not console.is_terminal:
        yield lambda label, rows: None
        return
    total = 0
    for side in _SIDES:
        with connect(CAPABILITIES[name].component(side)) as connection:
            total += count(connection, capability=CAPABILITIES[name], side=side)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of about {task.total:,.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=total)

        def advance(label: str, rows: int) -> None:
            done = progress.tasks[task].completed + rows
            # An estimate that has been passed was too low; it is never shown as more than done.
            progress.update(task, description=f"{name}: {label}", completed=done, total=max(total, done))

        yield advance


def _print(console: Console, outcome: Outcome) -> None:
    from rich.markup import escape

    console.print(_table(outcome))
    for total in outcome.totals:
        sums = [
            f"{column} {' = '.join(sorted({f'{amount:,}' for amount in its.values()}))}"
            if len(set(its.values())) == 1
            else f"{column} [yellow]{its['monolith']:,} at the monolith, {its['service']:,} at the service[/yellow]"
            for column, its in (("rows", total.rows), *total.sums.items())
        ]
        console.print(f"{outcome.capability}: {escape(f'{total.aggregate} {total.by}')}: {', '.join(sums)}")
    for difference in outcome.found[:_SHOWN]:
        console.print(f"[red]differs[/red] {escape(str(difference))}")
        for side, row in difference.rows.items():
            right = " (owner)" if side == difference.owner else ""
            values = ", ".join(f"{column} {row[column]!s:.80}" for column in difference.columns or row)
            console.print(f"    {side}{right}: {escape(values)}")
    if outcome.differences > _SHOWN:
        console.print(f"and {outcome.differences - _SHOWN:,} more")
    seconds = (outcome.finished_at - outcome.started_at).total_seconds()
    verdict = "[green]the same[/green]" if outcome.clean else f"[red]{_verdict(outcome)}[/red]"
    console.print(f"{outcome.capability}: {verdict}; {outcome.rows:,} rows compared in {seconds:.1f} s")


def _verdict(outcome: Outcome) -> str:
    undecided = {
        verdict: sum(table.undecided.get(verdict, 0) for table in outcome.tables)
        for verdict in ("waiting", "set aside")
    }
    more = "" if all(table.complete for table in outcome.tables) else " at least"
    said = [f"{outcome.differences:,} differ{more}"] if outcome.differences or more else []
    if undecided["waiting"]:
        said.append(f"{undecided['waiting']:,} wait to be relayed")
    if undecided["set aside"]:
        said.append(f"{undecided['set aside']:,} wait behind changes that were set aside: ./manage.py sync status")
    return ", ".join(said)


def _table(outcome: Outcome) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    # Most of the time there is nothing to say of these.
    undecided = [verdict for verdict in _UNDECIDED if any(one.undecided.get(verdict) for one in outcome.tables)]
    table.add_column(outcome.capability)
    for column in (*_SIDES, *_KINDS, *undecided):
        table.add_column(column, justify="right")
    for one in outcome.tables:
        counts = [one.count(kind) for kind in _KINDS]
        table.add_row(
            one.aggregate,
            *(f"{one.rows[side]:,}" for side in _SIDES),
            *(f"[red]{count:,}[/red]" if count else "–" for count in counts),
            *(f"{one.undecided.get(verdict, 0):,}" for verdict in undecided),
        )
    return table


def _print_repaired(console: Console, name: str, done: Repaired) -> None:
    from rich.markup import escape

    console.print(
        f"{name}: {len(done.touched):,} rows sent once more by their owner,"
        f" {len(done.deleted):,} deleted where only the other side had them"
    )
    for difference, why in done.left[:_SHOWN]:
        console.print(f"[yellow]left[/yellow] {escape(f'{difference}: {why}')}")
