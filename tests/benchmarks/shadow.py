"""What shadowing costs the shopper: all of it mirrored to a candidate that takes a second, against none of it."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.benchmarks import peers, wrk
from tests.benchmarks.front import BUCKETS, gateway
from tests.benchmarks.machine import HOST, LOAD_CORE, PROXY_CORE, free_port, on_core, running
from tests.benchmarks.pacer import Paced, pace
from tests.benchmarks.report import CannotMeasureError, Result, Row

ROUNDS: Final = int(os.environ.get("ROUNDS", "7"))
SECONDS: Final = float(os.environ.get("SECONDS", "5"))
CANDIDATE_SECONDS: Final = 1.0
PATH: Final = "/products?search=lamp&page_size=8"
_SETTLED: Final = 1.5
"""Seconds after which every worker goes by a new toggle, and what was mirrored before has ended or been dropped."""


def run(console: Console) -> Result:
    """Turn shadowing on and off in turn, and ask at half of what the gateway can carry."""
    with tempfile.TemporaryDirectory(prefix="techcommerce-shadow-") as name, ExitStack() as stack:
        directory = Path(name)
        upstream = stack.enter_context(peers.upstream(directory / "upstream"))
        port = free_port()
        slow = (sys.executable, "-m", "tests.benchmarks.slow", str(port), str(CANDIDATE_SECONDS))
        stack.enter_context(running(on_core(LOAD_CORE, *slow), port=port))
        candidate = f"http://{HOST}:{port}"
        front = stack.enter_context(
            gateway(
                directory / "home",
                upstreams={"legacy": upstream, "products": candidate, "orders": candidate},
                pin=on_core(PROXY_CORE),
            )
        )
        headers = {"Cookie": front.cookie()}
        database = stack.enter_context(front.database())
        wrk.press(front.url + PATH, seconds=2, headers=headers)
        rate = wrk.press(front.url + PATH, seconds=SECONDS, headers=headers).requests_per_second / 2
        console.print(f"asked {rate:,.0f} times a second")
        seen: dict[str, list[Paced]] = {"off": [], "on": []}
        for number in range(ROUNDS):
            # Who begins changes, so that what drifts meets both alike.
            for way in ("off", "on") if number % 2 else ("on", "off"):
                database.execute("UPDATE routing_toggle SET shadow = %s", [BUCKETS if way == "on" else 0])
                time.sleep(_SETTLED)
                seen[way].append(pace(front.url + PATH, rate=rate, seconds=SECONDS, headers=headers, seed=number))
            console.print(f"round {number + 1}: p99 off {seen['off'][-1].p99_ms:.2f}, on {seen['on'][-1].p99_ms:.2f}")
        mirrored = _mirrored(front.url)
        if not mirrored:
            raise CannotMeasureError("nothing was mirrored")
    p99 = {way: statistics.median(paced.p99_ms for paced in found) for way, found in seen.items()}
    p50 = {way: statistics.median(paced.p50_ms for paced in found) for way, found in seen.items()}
    # Of neighbours in time: what slows the machine for a while slows both.
    ratio = statistics.median(on.p99_ms / off.p99_ms for on, off in zip(seen["on"], seen["off"], strict=True))
    return Result(
        name="shadow",
        goal="the shopper's p99 with everything mirrored is 1.05 × that with nothing mirrored, or less",
        met=ratio <= 1.05,
        rows=[
            *(Row(f"shadowing {way}", "p50_ms", value, "ms") for way, value in p50.items()),
            *(Row(f"shadowing {way}", "p99_ms", value, "ms") for way, value in p99.items()),
            Row("mirrored, asked or dropped", "requests", mirrored, ""),
        ],
        ratios={"p99_ratio": ratio},
    )


def _mirrored(url: str) -> float:
    """Return how many requests the gateway has mirrored, by its own count."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    names = ("techcommerce_shadow_comparisons_total", "techcommerce_shadow_dropped_total")
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(names))
