"""`seed`: loads the small catalogue that comes with the project."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from legacy_monolith.catalogue import seed


class Command(BaseCommand):
    help = "Load the small catalogue that comes with the project. Products that are there already stay as they are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing unless the shop has no product")

    def handle(self, *args: Any, if_empty: bool, **options: Any) -> None:
        """Load, and say how much."""
        try:
            if if_empty and not seed.is_empty():
                self.stdout.write("The shop has products; nothing to do.")
                return
            added = seed.load()
        except Error as error:
            raise CommandError(f"the database refused: {str(error).splitlines()[0]}") from None
        self.stdout.write(f"{added} products added.")
