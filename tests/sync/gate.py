"""A way to a database that can be shut, breaking whoever has gone through, and opened again."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

_SOCKET = ".s.PGSQL.5432"


class Gate:
    """Stands before a server that listens on a Unix socket, for as long as the `with` block."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._behind = f"{parse_qs(parts.query)['host'][0]}/{_SOCKET}"
        # The path of a socket has to be short.
        self._directory = Path(tempfile.mkdtemp(prefix="gate"))
        self.url = urlunsplit(parts._replace(query=f"host={quote(str(self._directory), safe='/')}"))
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()
        shutil.rmtree(self._directory)

    def open(self) -> None:
        """Let everybody through from now on."""
        listener = self._listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._directory / _SOCKET))
        listener.listen(50)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self) -> None:
        """Break every connection, and let nobody through."""
        with self._lock:
            listener, self._listener = self._listener, None
            broken, self._open = self._open, []
        (self._directory / _SOCKET).unlink(missing_ok=True)
        for one in [*broken, *([listener] if listener else [])]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(self._behind)
                with self._lock:
                    if self._listener is not listener:
                        here.close()
                        there.close()
                        return
                    self._open += [here, there]
                for source, target in ((here, there), (there, here)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(65536):
            target.sendall(some)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
