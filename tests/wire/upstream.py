"""An upstream that keeps every byte it is sent and answers with whatever bytes it was told to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self

from tests.wire import strict

COMPONENTS: Final = ("legacy", "products", "orders")
Ending = Literal["close", "keep", "reset"]
CANARY: Final = b"/products/canary"
CANARY_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ncanary"
SECONDS_MAX: Final = 60.0
"""After which a connection that nobody uses is given up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the upstream says to one request, and what it does with the connection afterwards."""

    raw: bytes
    then: Ending = "close"
    early: bool = False
    """Whether it is given as soon as the head is there, before the body."""
    held: bool = False
    """Whether it waits for `Upstream.release`."""


ELSEWHERE: Final = Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nelsewhere", then="keep")
"""What the capabilities' own services say, to which a read may be sent when the monolith is no help."""
OK: Final = Answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok", then="keep")


@dataclass(eq=False, slots=True)
class Connection:
    """One connection from the gateway."""

    component: str
    socket: socket.socket
    received: bytes = b""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set once no byte can come any more."""


@dataclass(frozen=True, slots=True)
class Received:
    """A whole request, and the connection that it came on."""

    request: strict.Request
    connection: Connection


@dataclass(eq=False, slots=True)
class _Episode:
    answers: list[Answer]
    numbered: bool
    everywhere: bool = False
    connections: list[Connection] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    canaries: list[Received] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)


class Upstream:
    """Listens once for each component. What it has seen and what it will say begin anew with every `begin`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners = {name: socket.create_server(("127.0.0.1", 0), backlog=128) for name in COMPONENTS}
        self._episode = _Episode([OK], numbered=False)
        self.release = threading.Event()

    def __enter__(self) -> Self:
        for name, listener in self._listeners.items():
            threading.Thread(target=self._accept, args=(name, listener), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener in self._listeners.values():
            # It wakes the thread that waits there; closing alone would not.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.begin()

    def host(self, component: str) -> bytes:
        """Return what a request to the component has to carry as its Host."""
        return f"127.0.0.1:{self._listeners[component].getsockname()[1]}".encode()

    def begin(self, *answers: Answer, numbered: bool = False, everywhere: bool = False) -> None:
        """Forget everything, close every connection, and give these answers from now on, the last one for ever.

        It is the monolith that gives them, to which the toggles send everything; with `everywhere` the services too.
        With `numbered`, answers say `X-Answer: N` instead: which request, counted from 0, they belong to.
        """
        with self._lock:
            old, self._episode = self._episode, _Episode(list(answers) or [OK], numbered, everywhere)
        # Whoever still waits in the old episode goes on, and finds its connection closed.
        self.release.set()
        self.release = threading.Event()
        for connection in old.connections:
            _shut(connection.socket)

    @property
    def requests(self) -> Sequence[Received]:
        """Whole requests so far, without the canaries."""
        return tuple(self._episode.requests)

    @property
    def canaries(self) -> Sequence[Received]:
        """Canaries so far: requests that only ask whether the gateway still serves."""
        return tuple(self._episode.canaries)

    @property
    def connections(self) -> Sequence[Connection]:
        return tuple(self._episode.connections)

    @property
    def malformed(self) -> Sequence[str]:
        """What was wrong with what was sent here: nothing, unless the gateway is at fault."""
        return tuple(self._episode.malformed)

    @property
    def bytes_received(self) -> bytes:
        """Everything that came on connections other than the canaries'."""
        canaries = [received.connection for received in self._episode.canaries]
        return b"".join(one.received for one in self._episode.connections if one not in canaries)

    def say(self, connection: Connection, data: bytes) -> None:
        """Send bytes that nobody asked for."""
        connection.socket.sendall(data)

    def _accept(self, component: str, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            accepted.settimeout(SECONDS_MAX)
            with self._lock:
                episode, connection = self._episode, Connection(component, accepted)
                episode.connections.append(connection)
            threading.Thread(target=self._converse, args=(episode, connection), daemon=True).start()

    def _converse(self, episode: _Episode, connection: Connection) -> None:
        with connection.socket, contextlib.suppress(OSError):
            try:
                while self._one_request(episode, connection):
                    pass
            except strict.Malformed as error:
                episode.malformed.append(str(error))
        connection.ended.set()

    def _one_request(self, episode: _Episode, connection: Connection) -> bool:
        before = len(connection.received)
        answered = None
        while True:
            sent = connection.received[before:]
            if answered is None and episode.answers[0].early and self._asks(sent):
                answered = self._next(episode, connection)
                connection.socket.sendall(answered.raw)
            taken = strict.take_request(sent)
            if taken:
                break
            data = connection.socket.recv(65536)
            if not data:
                return False
            connection.received += data
        request, rest = taken
        if rest:
            raise strict.Malformed(f"bytes after a request that has not been answered: {rest[:80]!r}")
        received = Received(request, connection)
        if request.target == CANARY:
            with self._lock:
                episode.canaries.append(received)
            connection.socket.sendall(CANARY_ANSWER)
            return False
        with self._lock:
            number = len(episode.requests)
            episode.requests.append(received)
        answer = answered or self._next(episode, connection)
        if answer.held:
            self.release.wait(SECONDS_MAX)
        if answered is None:
            raw = answer.raw
            if episode.numbered:
                body = b"" if request.method == b"HEAD" else b"ok"
                raw = b"HTTP/1.1 200 OK\r\nX-Answer: %d\r\nContent-Length: 2\r\n\r\n%b" % (number, body)
            connection.socket.sendall(raw)
        return self._afterwards(connection, answer)

    def _asks(self, sent: bytes) -> bool:
        head, end, _ = sent.partition(strict.END_OF_HEAD)
        return bool(end) and strict.request_head(head).start[1] != CANARY

    def _next(self, episode: _Episode, connection: Connection) -> Answer:
        if connection.component != COMPONENTS[0] and not episode.everywhere:
            return ELSEWHERE
        with self._lock:
            return episode.answers.pop(0) if len(episode.answers) > 1 else episode.answers[0]

    def _afterwards(self, connection: Connection, answer: Answer) -> bool:
        if answer.then == "reset":
            # A linger time of nothing makes the close a reset.
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif answer.then == "close":
            # Half first, and the rest read: a close with bytes unread would be a reset.
            connection.socket.shutdown(socket.SHUT_WR)
            while data := connection.socket.recv(65536):
                connection.received += data
        return answer.then == "keep"


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
