"""How far the other side is behind while orders come in, and how fast a relay catches up.

Orders are written to the monolith's tables at a steady rate, each with three lines, its first status and its
idempotency key: six changes. The relay runs as `./manage.py sync run` runs it, in a process of its own:

    python -m tests.benchmarks.relay SECONDS

It notes of each change, once the receiver has committed it, how long ago it was written. That includes what was left of
the writer's transaction.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from services.local import postgres
from services.local.components import REPOSITORY
from services.sync import relaying
from services.sync.databases import Connection, connect
from services.sync.mapping.capabilities import ORDERS
from services.sync.relay import Relay
from tests.benchmarks.machine import until
from tests.benchmarks.report import CannotMeasureError, Result, Row
from tests.support.databases import migrated

RATE: Final = int(os.environ.get("RATE", "500"))
"""Orders per second."""
SECONDS: Final = float(os.environ.get("SECONDS", "10"))
PREPARED: Final = int(os.environ.get("PREPARED", "100000"))
"""Changes."""
LINES: Final = 3
CHANGES: Final = LINES + 3
"""Of an order."""
WRITERS: Final = 6
_KEPT_UP: Final = 0.95
_AT_ONCE: Final = 500
"""Orders of one transaction when an outbox is filled."""

_ORDERS: Final = """
    INSERT INTO sales_order (order_no, cust_ref, status, ship_name, ship_street, ship_city, ship_postcode,
        ship_country, total_cents, placed, stock_settled)
    SELECT number, 'customer-' || left(number, 6), 'N', 'Ada Byron', '12 Square', 'London', 'SW1', 'UK',
        3000, %(now)s, true
    FROM unnest(%(numbers)s::text[]) AS number
"""
_LINES: Final = """
    INSERT INTO sales_orderline (order_id, line_no, code, title, qty, unit_cents)
    SELECT id, n, 'SKU-' || n, 'White hanging heart T-light holder', 1, 1000
    FROM sales_order, generate_series(1, %(lines)s) AS n WHERE order_no = ANY(%(numbers)s)
"""
_CHANGES: Final = """
    INSERT INTO sales_statuschange (order_id, status, at)
    SELECT id, 'N', placed FROM sales_order WHERE order_no = ANY(%(numbers)s)
"""
_KEYS: Final = """
    INSERT INTO sales_idempotencykey (cust_ref, key, fingerprint, order_no, lease_until, abandoned, answer, created)
    SELECT cust_ref, order_no, repeat('f', 64), order_no, placed, false, '{"number": "' || order_no || '"}', placed
    FROM sales_order WHERE order_no = ANY(%(numbers)s)
"""
_HELD: Final = "SELECT count(*) FROM ownership_outbox"


def run(console: Console) -> Result:
    """Write orders at a rate while a relay runs, then let it empty an outbox that was filled before."""
    with (
        tempfile.TemporaryDirectory(prefix="techcommerce-relay-") as name,
        _databases(Path(name)),
        connect("legacy") as monolith,
    ):
        with _relay() as relay:
            until(lambda: _leads(monolith), what="a relay that leads")
            rate = _paced()
            until(lambda: _is_empty(monolith), what="an empty outbox")
            lags = _told(relay)
        console.print(f"{len(lags):,} changes, the slowest took {1000 * max(lags):.0f} ms")
        _fill(monolith, PREPARED // CHANGES)
        drained = _drained()
    if rate < _KEPT_UP * RATE:
        raise CannotMeasureError(f"{RATE} orders/s asked for, {rate:.0f} written")
    cuts = statistics.quantiles(lags, n=100, method="inclusive")
    p50, p99 = 1000 * cuts[49], 1000 * cuts[98]
    subject = f"{RATE} orders/s"
    return Result(
        name="relay",
        goal="p99 of 200 ms or less from a change to the same at the other side, at 500 orders/s",
        met=p99 <= 200,
        rows=[
            Row(subject, "changes_per_second", rate * CHANGES, "1/s"),
            Row(subject, "lag_p50_ms", p50, "ms"),
            Row(subject, "lag_p99_ms", p99, "ms"),
            Row(subject, "lag_most_ms", 1000 * max(lags), "ms"),
            Row(f"an outbox of {PREPARED:,}", "changes_per_second", drained, "1/s"),
        ],
        ratios={"lag_p99_ms": p99, "drained_per_second": drained},
    )


@contextmanager
def _databases(home: Path) -> Iterator[None]:
    urls = migrated(home, ["legacy", "orders"])
    before = dict(os.environ)
    os.environ.update({f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()})
    try:
        for component in urls:
            with connect(component) as connection:
                connection.execute("UPDATE ownership_capability SET salt = 'salt', capturing = true")
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        postgres.release(home)


@contextmanager
def _relay() -> Iterator[subprocess.Popen[str]]:
    """Run a relay, which ends when it is told to."""
    command = [sys.executable, "-m", "tests.benchmarks.relay"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _told(relay: subprocess.Popen[str]) -> Sequence[float]:
    """This will end a relay and return its changes' lags in seconds."""
    said, _ = relay.communicate("")
    if relay.returncode:
        raise CannotMeasureError("the relay failed")
    # What comes before is its log.
    return list(json.loads(said.splitlines()[-1]))


def _leads(monolith: Connection) -> bool:
    query = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted"
    return monolith.execute(query).fetchone() == (True,)


def _is_empty(monolith: Connection) -> bool:
    return monolith.execute(_HELD).fetchone() == (0,)


def _paced() -> float:
    """This will write orders as they are due, and return how many there were per second."""
    began = time.monotonic()
    writers = [threading.Thread(target=_write, args=(began, number)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return RATE * SECONDS / (time.monotonic() - began)


def _write(began: float, offset: int) -> None:
    with connect("legacy") as connection:
        for number in range(offset, int(RATE * SECONDS), WRITERS):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            _place(connection, [secrets.token_hex(8).upper()])


def _place(connection: Connection, numbers: Sequence[str]) -> None:
    values = {"numbers": numbers, "now": datetime.now(tz=UTC), "lines": LINES}
    with connection.pipeline(), connection.transaction():
        for statement in (_ORDERS, _LINES, _CHANGES, _KEYS):
            connection.execute(statement, values)


def _fill(monolith: Connection, orders: int) -> None:
    for done in range(0, orders, _AT_ONCE):
        _place(monolith, [secrets.token_hex(8).upper() for _ in range(min(_AT_ONCE, orders - done))])


def _drained() -> float:
    """This will empty the outbox and return how many changes a second that were."""
    with connect("legacy") as sender, connect("orders") as receiver:
        relay = Relay(capability=ORDERS, origin="monolith", sender=sender, receiver=receiver)
        began, changes = time.monotonic(), 0
        while (step := relay.step()).read:
            changes += step.read
        return changes / (time.monotonic() - began)


class _Noting(Relay):
    """A relay that notes how long its changes took."""

    lags: Final[list[float]] = []

    def _forget(self, ids: Sequence[int]) -> None:
        self.lags.extend(
            lag
            for (lag,) in self._sender.execute(
                "SELECT extract(epoch FROM clock_timestamp() - created_at)::float FROM ownership_outbox"
                " WHERE id = ANY(%s)",
                [ids],
            )
        )
        super()._forget(ids)


def main() -> int:
    """Relay until the input ends, and print the lags of all changes, in seconds."""
    setattr(relaying, "Relay", _Noting)  # noqa: B010
    stopping = threading.Event()
    loop = relaying.RelayLoop(capability=ORDERS, side="monolith", name="bench", stopping=stopping)
    thread = threading.Thread(target=loop.run)
    thread.start()
    sys.stdin.read()
    stopping.set()
    thread.join()
    print(json.dumps(_Noting.lags))
    return 0


if __name__ == "__main__":
    sys.exit(main())
