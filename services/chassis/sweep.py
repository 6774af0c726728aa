"""The loop of commands that finish what requests had to leave undone: one process acts, every few seconds.

services.products.management.commands.sweep, services.orders.management.commands.sweep
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection

from services.chassis import log
from services.chassis.locks import lock_key
from services.chassis.problems import Problem

_logger = log.get(__name__)

Item = TypeVar("Item")


class SweepCommand(BaseCommand):
    """A command that sweeps until it is told to stop. Subclasses say what a round does."""

    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="sweep once, then end")
        parser.add_argument(
            "--every", type=_seconds, default=5.0, metavar="SECONDS", help="pause between sweeps (default 5)"
        )

    def handle(self, *args: Any, once: bool, every: float, **options: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _stop)
        name = type(self).__module__
        try:
            while True:
                self._round(name)
                if once:
                    return
                _NEVER.wait(every)
        except KeyboardInterrupt:
            return

    def sweep(self) -> None:
        """Do one round. Whatever it does may be cut off anywhere and done again."""
        raise NotImplementedError

    def _round(self, name: str) -> None:
        try:
            with leading(name) as mine:
                if mine:
                    self.sweep()
        except Error as error:
            _logger.error("sweep_failed", detail=_line(error))
        finally:
            connection.close()


_NEVER = threading.Event()


def _stop(number: int, frame: object) -> NoReturn:
    raise SystemExit(0)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < value < threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not above zero")
    return value


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


@contextmanager
def leading(name: str) -> Iterator[bool]:
    """Tell whether this process is the one that acts under a name, and keep it so until the block ends.

    The lock is the database session's: when the process or its connection dies, another can have it at once.
    """
    key = lock_key(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def each(event: str, items: Iterable[Item], act: Callable[[Item], object]) -> None:
    """Act on every item; one that fails is logged under the event's name and does not keep the others waiting."""
    for item in items:
        try:
            act(item)
        except Problem as problem:
            # Whoever owns it now comes to it.
            if problem.kind.slug != "misdirected":
                _logger.error(event, item=str(item), detail=_line(problem))
        except Exception as error:
            _logger.error(event, item=str(item), detail=_line(error))
