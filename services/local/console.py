"""Log lines of many processes on one stream: each whole, in the order in which they came, marked with whose it is."""

from __future__ import annotations

import sys
import threading
from datetime import datetime
from typing import Protocol, TextIO

_COLOURS = {"gateway": 36, "legacy": 33, "products": 32, "orders": 35, "sync": 34}
_WIDTH = 14


class Sink(Protocol):
    """Takes log lines."""

    def line(self, name: str, text: str) -> None:
        """Take one line of the named process."""


class Console:
    """Writes log lines to a stream, in colour when that is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._colour = self._stream.isatty()
        self._lock = threading.Lock()

    def line(self, name: str, text: str) -> None:
        """Write `HH:MM:SS name | text`."""
        # The machine's own time zone: this is read by whoever sits before it, as it happens.
        head = f"{datetime.now().astimezone():%H:%M:%S} {name:<{_WIDTH}} |"
        if self._colour:
            head = f"\x1b[{_COLOURS.get(name.split('-', maxsplit=1)[0], 37)}m{head}\x1b[0m"
        self.raw(f"{head} {text}\n")

    def raw(self, text: str) -> None:
        """Write the text as it is, in one piece."""
        with self._lock:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                # Nobody reads any more. The shop goes on; its logs can still be asked for.
                pass


class Silent:
    """Takes log lines and drops them; the supervisor remembers the last of them anyway."""

    def line(self, name: str, text: str) -> None:
        """Drop the line."""
