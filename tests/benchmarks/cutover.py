"""For how long nobody can write while buckets change hands, and whether a write is lost for it.

Orders are placed at whoever owns, by writers that follow a refusal to the other side, while all 1,024 buckets move to
the service and back, some at a time. `./manage.py sync run` relays, as it does in a shop.
"""

from __future__ import annotations

import logging
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from services.local import postgres
from services.local.components import COMPONENTS
from services.local.environment import environment, without_ours
from services.local.stack import MANAGE
from services.sync.arm import arm
from services.sync.databases import connect
from services.sync.mapping.capabilities import ORDERS, Side
from tests.benchmarks.machine import HOST, free_port, until
from tests.benchmarks.report import CannotMeasureError, Result, Row
from tests.support.databases import migrated
from tests.sync.traffic import Traffic, begin, nothing_lost, one_owner

RATE: Final = int(os.environ.get("RATE", "200"))
"""Orders per second, each with two lines and its first status."""
ROUNDS: Final = int(os.environ.get("ROUNDS", "3"))
"""There and back."""
WRITERS: Final = 8
SIDES: Final[tuple[Side, ...]] = ("service", "monolith")
_KEPT_UP: Final = 0.9


def run(console: Console) -> Result:
    """Move everything there and back under writers, and look whether everything acknowledged is there."""
    # A refusal in the middle of a pipeline is what writers here are made for.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="techcommerce-cutover-") as name, _shop(Path(name)) as shop:
        begin("orders")
        with Traffic("orders", threads=WRITERS, every=WRITERS / RATE, pays=False) as traffic:
            traffic.progress(RATE)
            for _ in range(ROUNDS):
                for to in SIDES:
                    shop.move(to)
        shop.stop_relaying()
        one_owner("orders")
        nothing_lost(traffic)
        pauses = _pauses()
    if traffic.rate < _KEPT_UP * RATE:
        raise CannotMeasureError(f"{RATE} orders/s asked for, {traffic.rate:.0f} placed")
    console.print(f"{len(pauses)} moves, the longest pause {max(pauses):.0f} ms")
    cuts = statistics.quantiles(pauses, n=100, method="inclusive")
    p50, p99 = cuts[49], cuts[98]
    failed = len(traffic.unknown) + len(traffic.errors)
    subject = f"{len(pauses)} moves, {traffic.rate:.0f} orders/s"
    return Result(
        name="cutover",
        goal="p99 of 100 ms or less in which nobody can write, and no write that failed",
        met=p99 <= 100 and not failed,
        rows=[
            Row(subject, "pause_p50_ms", p50, "ms"),
            Row(subject, "pause_p99_ms", p99, "ms"),
            Row(subject, "pause_most_ms", max(pauses), "ms"),
            Row("a write", "slowest_ms", 1000 * traffic.slowest, "ms"),
            Row("writes", "acknowledged", len(traffic.acknowledged), ""),
            Row("writes", "refusals_followed", traffic.hops, ""),
        ],
        ratios={"pause_p99_ms": p99, "failed": float(failed)},
    )


def _pauses() -> list[float]:
    with connect("gateway") as gateway:
        rows = gateway.execute("SELECT state, pause_ms, reason FROM migration_cutover ORDER BY id").fetchall()
    undone = [reason for state, _, reason in rows if state != "done"]
    if undone or not rows:
        raise CannotMeasureError(f"{len(undone)} of {len(rows)} batches were not moved: {', '.join(undone[:1])}")
    return [pause for _, pause, _ in rows]


@dataclass(frozen=True, slots=True)
class _Shop:
    """The databases, with a relay beside them."""

    variables: dict[str, str]
    relay: subprocess.Popen[bytes]

    def move(self, to: Side) -> None:
        command = [*MANAGE, "sync", "move", "orders", "--to", to]
        done = subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotMeasureError(f"{done.stdout.splitlines()[-1:]} {done.stderr}")

    def stop_relaying(self) -> None:
        if self.relay.poll() is not None:
            raise CannotMeasureError("the relay has gone")
        self.relay.terminate()
        self.relay.wait()


@contextmanager
def _shop(home: Path) -> Iterator[_Shop]:
    urls = migrated(home, [component.name for component in COMPONENTS])
    before = dict(os.environ)
    os.environ.update({f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()})
    base = {**without_ours(before), "SYNC_PORT": str(free_port()), "SYNC_BIND": HOST}
    variables = environment("sync", home, base=base)
    try:
        arm(ORDERS)
        with (home / "sync.log").open("wb") as log:
            relay = subprocess.Popen([*MANAGE, "sync", "run"], env=variables, stdout=log, stderr=log)
        try:
            with connect("legacy") as legacy:
                query = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted"
                until(lambda: legacy.execute(query).fetchone() == (True,), what="a relay that leads")
            yield _Shop(variables, relay)
        finally:
            relay.kill()
            relay.wait()
    finally:
        os.environ.clear()
        os.environ.update(before)
        postgres.release(home)
