"""A client that sends bytes as they are and believes an answer only when it is well formed."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from tests.wire import strict

SECONDS_MAX: Final = 30.0
"""Longer than the gateway itself waits for anything: a test that has to wait so long fails by what it then sees."""


class NoAnswer(AssertionError):
    """The connection ended before a whole head came, or nothing came in time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `whole` is false where the connection ended before its body did."""

    status: int
    head: strict.Head
    body: bytes
    whole: bool
    interim: tuple[int, ...]
    """Statuses of the 1xx that came before."""


class Client:
    """One connection to the gateway."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
        # Bytes sent one by one arrive one by one.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._ended = False
        self._senders: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for sender in self._senders:
            sender.join(SECONDS_MAX)
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send, as far as the gateway listens."""
        # It may have refused and closed already; what it said is there to be read all the same.
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def send_meanwhile(self, pieces: Iterable[bytes]) -> threading.Thread:
        """Send piece after piece while the caller goes on."""

        def sending() -> None:
            with contextlib.suppress(OSError):
                for piece in pieces:
                    self._socket.sendall(piece)

        sender = threading.Thread(target=sending, daemon=True)
        self._senders.append(sender)
        sender.start()
        return sender

    def end(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def read_interim(self) -> int:
        """Return the status of the next head, which must be an interim one; it is then no part of the answer."""
        head = self._read_head()
        status = int(head.start[0])
        assert status < 200, f"{status} came where an interim answer was awaited"
        return status

    def read(self, method: bytes = b"GET") -> Reply:
        """Return the next answer, whole or as far as it came; NoAnswer, Malformed."""
        interim = []
        while True:
            head = self._read_head()
            status = int(head.start[0])
            if status >= 200:
                break
            interim.append(status)
        body, whole = self._read_body(head, method, status)
        return Reply(status, head, body, whole, tuple(interim))

    def rest(self) -> bytes:
        """Return everything up to the end of the connection; NoAnswer when that does not come."""
        while self._more():
            pass
        rest, self._unread = self._unread, b""
        return rest

    def _read_head(self) -> strict.Head:
        while strict.END_OF_HEAD not in self._unread:
            if not self._more():
                raise NoAnswer(f"the connection ended after {self._unread[:200]!r}")
        before, _, self._unread = self._unread.partition(strict.END_OF_HEAD)
        return strict.answer_head(before)

    def _read_body(self, head: strict.Head, method: bytes, status: int) -> tuple[bytes, bool]:
        codings = head.values(b"transfer-encoding")
        length = strict.content_length(head)
        if codings and length is not None:
            raise strict.Malformed("an answer framed in two ways")
        if method == b"HEAD" or status in {204, 304}:
            return b"", True
        if codings:
            if codings != [b"chunked"]:
                raise strict.Malformed(f"an answer coded as {codings}")
            while (taken := strict.take_chunked(self._unread)) is None:
                if not self._more():
                    return self.rest(), False
            body, self._unread = taken
            return body, True
        if length is None:
            return self.rest(), True
        while len(self._unread) < length:
            if not self._more():
                return self.rest(), False
        body, self._unread = self._unread[:length], self._unread[length:]
        return body, True

    def _more(self) -> bool:
        if self._ended:
            return False
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise NoAnswer(f"neither answer nor end; {self._unread[:200]!r} came") from None
        except OSError:
            data = b""
        self._ended = not data
        self._unread += data
        return not self._ended
