"""How long it takes from the statement that flips a toggle until the last of four workers goes by it."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from services.chassis.identity import Owner
from tests.benchmarks import peers
from tests.benchmarks.front import Front, gateway, send_to
from tests.benchmarks.machine import HOST, until
from tests.benchmarks.report import CannotMeasureError, Result, Row

WORKERS: Final = 4
FLIPS: Final = int(os.environ.get("FLIPS", "200"))
_ATTEMPTS: Final = 400
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.1
"""Seconds between flips, at most: they fall anywhere within a worker's second of polling."""


def run(console: Console) -> Result:
    """Flip, and ask each worker by a connection of its own who answers, until all agree."""
    with tempfile.TemporaryDirectory(prefix="techcommerce-toggle-") as name, ExitStack() as stack:
        directory = Path(name)
        urls = {
            side: stack.enter_context(peers.upstream(directory / side, body=side.encode()))
            for side in ("monolith", "service")
        }
        upstreams = {"legacy": urls["monolith"], "products": urls["service"], "orders": urls["service"]}
        front = stack.enter_context(gateway(directory / "home", upstreams=upstreams, workers=WORKERS))
        connections = _one_for_each_worker(front)
        for connection in connections:
            stack.callback(connection.close)
        seconds = _flip(front, connections)
    console.print(f"{len(seconds)} flips, the slowest took {1000 * max(seconds):.1f} ms")
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    p50, p99 = 1000 * cuts[49], 1000 * cuts[98]
    return Result(
        name="toggle",
        goal="p99 of 100 ms or less to the last of four workers",
        met=p99 <= 100,
        rows=[
            Row("the last of four workers", "p50_ms", p50, "ms"),
            Row("the last of four workers", "p99_ms", p99, "ms"),
            Row("the last of four workers", "most_ms", 1000 * max(seconds), "ms"),
        ],
        ratios={"p99_ms": p99},
    )


def _flip(front: Front, connections: Sequence[http.client.HTTPConnection]) -> list[float]:
    chance = random.Random(0)
    seen = []
    with front.database() as database:
        for number in range(FLIPS):
            side: Owner = "monolith" if number % 2 else "service"
            time.sleep(chance.uniform(0, _PAUSE))
            # The commit lies within the statement: what is measured is never less than what is meant.
            began = time.monotonic()
            send_to(database, "products", side)
            missing = list(connections)
            while missing:
                missing = [connection for connection in missing if _who_answers(connection) != side]
                if time.monotonic() - began > _PATIENCE:
                    raise CannotMeasureError(f"{len(missing)} workers do not follow within {_PATIENCE:.0f} s")
            seen.append(time.monotonic() - began)
    return seen


def _who_answers(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/products")
    return connection.getresponse().read().decode()


def _one_for_each_worker(front: Front) -> list[http.client.HTTPConnection]:
    """Return a connection to each worker: the kernel deals them out, and knows who was given which."""
    leader = front.stack.process_id("gateway")
    if leader is None:
        raise CannotMeasureError("the gateway has gone")
    found: dict[int, http.client.HTTPConnection] = {}
    for _ in range(_ATTEMPTS):
        connection = http.client.HTTPConnection(HOST, front.port, timeout=_PATIENCE)
        _who_answers(connection)
        worker = _holder(leader, connection.sock.getsockname()[1])
        if worker in found:
            connection.close()
        else:
            found[worker] = connection
        if len(found) == WORKERS:
            return list(found.values())
    raise CannotMeasureError(f"only {len(found)} of {WORKERS} workers were ever reached")


def _holder(leader: int, port: int) -> int:
    held: list[int] = []

    def known() -> bool:
        for worker in psutil.Process(leader).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                # What listens has no other end: an empty tuple.
                if any(tuple(one.raddr)[1:] == (port,) for one in worker.net_connections("tcp4")):
                    held.append(worker.pid)
        return bool(held)

    until(known, what="a connection's place", seconds=_PATIENCE)
    return held[0]
