"""`import_retail FILE`: loads the published Online Retail file."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from legacy_monolith.sales.retail import books, invoices, report, store
from legacy_monolith.sales.retail.source import Source, SourceError

_TICK: Final = 5000
"""Lines between two looks at the progress."""


class Command(BaseCommand):
    help = (
        "Load the published Online Retail file (csv, csv.gz or xlsx): products, customers, orders, cancellations."
        " What is there already stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Read the whole file, then write, then say what became of every line."""
        started = time.perf_counter()
        console = Console(file=self.stdout)  # type: ignore[arg-type]
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        try:
            with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
                found = books.keep(_lines(Source(file), progress))
                task = progress.add_task("writing", total=len(found.orders))
                added = store.write(found, advance=lambda count: progress.advance(task, count))
        except SourceError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(f"the database refused: {str(error).splitlines()[0]}") from None
        report.show(console, books=found, added=added, seconds=time.perf_counter() - started)


def _lines(source: Source, progress: Progress) -> Iterator[invoices.Entry | invoices.Reason]:
    task = progress.add_task("reading", total=1.0)
    for count, cells in enumerate(source.rows(), start=1):
        yield invoices.read(cells)
        if count % _TICK == 0:
            progress.update(task, completed=source.done)
    progress.update(task, completed=1.0)
