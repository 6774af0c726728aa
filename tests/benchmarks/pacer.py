"""An open-loop load generator: requests leave when they are due, however slowly the ones before are answered.

Debian packages closed-loop generators only. This one draws independent arrivals (exponential gaps) of a given rate and
counts each answer's time from the moment that its request was due, not from when it could be sent: what waits behind a
stall is part of the stall. A plain loop around `select`, whose time limit has microseconds where epoll's has
milliseconds. It runs in a process of its own, held to a core:

    python -m tests.benchmarks.pacer '{"url": …, "rate": 1/s, "seconds": …, "headers": {…}, "seed": …}'
"""

from __future__ import annotations

import gc
import json
import random
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from services.local.components import REPOSITORY
from tests.benchmarks.machine import LOAD_CORE, on_core
from tests.benchmarks.report import CannotMeasureError

CONNECTIONS: Final = 64
_PATIENCE: Final = 20.0
_KEPT_UP: Final = 0.9


@dataclass(frozen=True, slots=True)
class Paced:
    """What a run saw. Times in milliseconds, from the moment a request was due to the last byte of its answer."""

    rate: float
    """Answers per second of the whole run."""
    p50_ms: float
    p99_ms: float
    most_ms: float


def pace(url: str, *, rate: float, seconds: float, headers: Mapping[str, str] | None = None, seed: int = 0) -> Paced:
    """Ask a URL at a rate, from the load's core; CannotMeasureError when an answer is no good or the rate not kept."""
    asked = {"url": url, "rate": rate, "seconds": seconds, "headers": dict(headers or {}), "seed": seed}
    command = on_core(LOAD_CORE, sys.executable, "-m", "tests.benchmarks.pacer", json.dumps(asked))
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if run.returncode:
        raise CannotMeasureError(f"{url}: {(run.stderr or run.stdout).strip().splitlines()[-1][-300:]}")
    paced = Paced(**json.loads(run.stdout))
    if paced.rate < _KEPT_UP * rate:
        raise CannotMeasureError(f"{url}: {rate:,.0f} requests/s asked for, {paced.rate:,.0f} answered")
    return paced


class _Connection:
    """A connection that has one request at a time on its way."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._seen = bytearray()
        self._missing = -1

    def fileno(self) -> int:
        return self.socket.fileno()

    def finished(self) -> bool:
        """Take what has come, and tell whether the answer is whole. Raises unless it is a 200 with its length said."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("closed in the middle")
        if self._missing < 0:
            self._seen += chunk
            end = self._seen.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self._seen[:end]).lower()
            if not head.startswith(b"http/1.1 200"):
                raise ValueError(head.splitlines()[0].decode())
            length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
            self._missing = length - (len(self._seen) - end - 4)
        else:
            self._missing -= len(chunk)
        if self._missing:
            return False
        self._seen.clear()
        self._missing = -1
        return True


def main(asked: Mapping[str, Any]) -> Paced:
    """Ask as told, and return what was seen."""
    parts = urlsplit(asked["url"])
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    fields = {"Host": parts.netloc, **asked["headers"]}
    request = "".join([f"GET {target} HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in fields.items()), "\r\n"]).encode()
    chance = random.Random(asked["seed"])
    rate: float = asked["rate"]
    count = int(rate * asked["seconds"])
    free = deque(_Connection(parts.hostname or "", parts.port or 80) for _ in range(CONNECTIONS))
    busy: dict[int, _Connection] = {}
    waiting: deque[float] = deque()
    seen: list[float] = []
    gc.disable()
    began = now = time.perf_counter()
    due = began + chance.expovariate(rate)
    scheduled = 0
    while len(seen) < count:
        while scheduled < count and due <= now:
            waiting.append(due)
            due += chance.expovariate(rate)
            scheduled += 1
        while waiting and free:
            connection = free.popleft()
            connection.due = waiting.popleft()
            connection.socket.sendall(request)
            busy[connection.fileno()] = connection
        limit = max(0.0, due - time.perf_counter()) if scheduled < count else _PATIENCE
        for number in select.select(list(busy), (), (), limit)[0]:
            connection = busy[number]
            if connection.finished():
                seen.append(time.perf_counter() - connection.due)
                del busy[number]
                free.append(connection)
        now = time.perf_counter()
        if busy and now - min(connection.due for connection in busy.values()) > _PATIENCE:
            raise TimeoutError(f"no answer within {_PATIENCE:.0f} s")
    seconds = now - began
    seen.sort()
    return Paced(count / seconds, *(1000 * seen[min(count - 1, int(count * part))] for part in (0.5, 0.99, 1.0)))


if __name__ == "__main__":
    print(json.dumps(asdict(main(json.loads(sys.argv[1])))))
