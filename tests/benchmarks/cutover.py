"""For how long nobody can write while buckets change hands, and whether a write is lost for it.

Orders are placed at whoever owns, by writers that follow a refusal to the other side, while all 1,024 buckets move to
the service and back, some at a time. `./manage.py sync run` relays, as it does in a shop.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from services.local import postgres
from services.local.components import COMPONENTS, REPOSITORY
from services.local.environment import environment, without_ours
from services.ownership.schema import BUCKETS
from services.sync.arm import arm
from services.sync.cutover import Limits, move
from services.sync.databases import connect
from services.sync.mapping.capabilities import ORDERS, Side
from tests.benchmarks.machine import HOST, free_port, until
from tests.benchmarks.report import CannotMeasureError, Result, Row
from tests.support.databases import migrated
from tests.sync.traffic import Traffic, begin, nothing_lost, one_owner, relay

RATE: Final = int(os.environ.get("RATE", "200"))
"""Orders per second, each followed by its payment."""
ROUNDS: Final = int(os.environ.get("ROUNDS", "3"))
"""There and back."""
WRITERS: Final = 8
SIDES: Final[tuple[Side, ...]] = ("service", "monolith")
_KEPT_UP: Final = 0.9


def run(console: Console) -> Result:
    """Move everything there and back under writers, and look whether everything acknowledged is there."""
    pauses: list[float] = []
    failed = 0
    with tempfile.TemporaryDirectory(prefix="techcommerce-cutover-") as name, _mover(Path(name)) as process:
        begin("orders")
        relay("orders")
        with Traffic("orders", threads=WRITERS, every=WRITERS / RATE) as traffic:
            traffic.progress(RATE)
            for _ in range(ROUNDS):
                for to in SIDES:
                    report = move("orders", range(BUCKETS["orders"]), to, limits=Limits())
                    pauses += report.pauses
                    failed += len(report.failed)
                    console.print(
                        f"to the {to}: {len(report.outcomes)} moves, the longest {report.longest or 0:.0f} ms"
                    )
        one_owner("orders")
        if process.poll() is not None:
            raise CannotMeasureError("the relay has gone")
        process.terminate()
        process.wait()
        nothing_lost(traffic)
    if failed:
        raise CannotMeasureError(f"{failed} batches were not moved")
    if traffic.rate < _KEPT_UP * RATE:
        raise CannotMeasureError(f"{RATE} orders/s asked for, {traffic.rate:.0f} placed")
    cuts = statistics.quantiles(pauses, n=100, method="inclusive")
    p50, p99 = cuts[49], cuts[98]
    lost = len(traffic.unknown) + len(traffic.errors)
    subject = f"{len(pauses)} moves, {traffic.rate:.0f} orders/s"
    return Result(
        name="cutover",
        goal="a pause of 100 ms or less for 99 of 100 moves, and no write that failed",
        met=p99 <= 100 and not lost,
        rows=[
            Row(subject, "pause_p50_ms", p50, "ms"),
            Row(subject, "pause_p99_ms", p99, "ms"),
            Row(subject, "pause_most_ms", max(pauses), "ms"),
            Row("a write", "slowest_ms", 1000 * traffic.slowest, "ms"),
            Row("writes", "acknowledged", len(traffic.acknowledged), ""),
            Row("writes", "refused_once", traffic.hops, ""),
        ],
        ratios={"pause_p99_ms": p99, "failed": float(lost)},
    )


@contextmanager
def _mover(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Bring all databases up, and the mover beside them."""
    urls = migrated(home, [component.name for component in COMPONENTS])
    before = dict(os.environ)
    os.environ.update({f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()})
    port = free_port()
    base = {**without_ours(before), "SYNC_PORT": str(port), "SYNC_BIND": HOST}
    log = (home / "sync.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "manage.py"), "sync", "run"],
        env={**environment("sync", home, base=base), "TECHCOMMERCE_HOME": str(home)},
        stdout=log,
        stderr=log,
    )
    try:
        arm(ORDERS)
        with connect("legacy") as legacy:
            query = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted"
            until(lambda: legacy.execute(query).fetchone() == (True,), what="a relay that leads")
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()
        os.environ.clear()
        os.environ.update(before)
        postgres.release(home)
