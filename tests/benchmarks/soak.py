"""Whether the gateway's memory stays flat: ten minutes at 2,000 requests/s, or what `SECONDS` and `RATE` say."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from tests.benchmarks import peers
from tests.benchmarks.front import Front, gateway
from tests.benchmarks.machine import PROXY_CORE, on_core
from tests.benchmarks.pacer import pace
from tests.benchmarks.report import Result, Row

SECONDS: Final = float(os.environ.get("SECONDS", "600"))
RATE: Final = float(os.environ.get("RATE", "2000"))
PATH: Final = "/products?search=lamp&page_size=8"
_STRETCH: Final = 30.0
"""Seconds between two looks at the memory."""
_FLAT: Final = 5.0
"""MB from the first look, after a stretch of warming up, to the last."""


def run(console: Console) -> Result:
    """Warm up, then ask for a long time and look now and then."""
    with tempfile.TemporaryDirectory(prefix="techcommerce-soak-") as name, ExitStack() as stack:
        directory = Path(name)
        upstream = stack.enter_context(peers.upstream(directory / "upstream"))
        front = stack.enter_context(gateway(directory / "home", upstreams=upstream, pin=on_core(PROXY_CORE)))
        looks = []
        limit = time.monotonic() + SECONDS + min(_STRETCH, SECONDS)
        while time.monotonic() < limit:
            # A cookie is good for a quarter of an hour.
            pace(front.url + PATH, rate=RATE, seconds=min(_STRETCH, SECONDS), headers={"Cookie": front.cookie()})
            looks.append(resident_mb(front))
            console.print(f"{len(looks) * min(_STRETCH, SECONDS):.0f} s: {looks[-1]:.1f} MB")
    grown = looks[-1] - looks[0]
    return Result(
        name="soak",
        goal=f"{_FLAT:.0f} MB more or less after {SECONDS:,.0f} s at {RATE:,.0f} requests/s",
        met=grown <= _FLAT,
        rows=[
            Row("gateway, one worker", "resident_mb", looks[-1], "MB"),
            Row("gateway, one worker", "grown_mb", grown, "MB"),
            Row("gateway, one worker", "requests", RATE * SECONDS, ""),
        ],
        ratios={"grown_mb": grown},
    )


def resident_mb(front: Front) -> float:
    """Return the memory of the gateway's workers, without what they share with their parent counted twice."""
    leader = psutil.Process(front.stack.process_id("gateway"))
    total: float = sum(worker.memory_full_info().uss for worker in leader.children(recursive=True))
    return total / 2**20
