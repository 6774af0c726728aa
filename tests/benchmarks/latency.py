"""What a proxy adds to an answer's time at half of what it could carry, against asking the upstream itself."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.benchmarks import peers, wrk
from tests.benchmarks.front import gateway
from tests.benchmarks.machine import PROXY_CORE, on_core
from tests.benchmarks.pacer import Paced, pace
from tests.benchmarks.report import Result, Row

ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
SECONDS: Final = float(os.environ.get("SECONDS", "5"))
PATH: Final = "/products?search=lamp&page_size=8"


@dataclass(slots=True)
class Subject:
    """Somebody who forwards, at a rate of its own."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    rate: float = 0.0
    through: list[Paced] = field(default_factory=list)
    direct: list[Paced] = field(default_factory=list)

    def added(self, figure: str) -> float:
        """Return by how many milliseconds the figure is higher than without it in between: the rounds' median."""
        rounds = zip(self.through, self.direct, strict=True)
        return float(statistics.median(getattr(one, figure) - getattr(other, figure) for one, other in rounds))


def run(console: Console) -> Result:
    """Find each one's maximum, then ask at half of it: through it, and past it."""
    with tempfile.TemporaryDirectory(prefix="techcommerce-latency-") as name, ExitStack() as stack:
        directory = Path(name)
        upstream = stack.enter_context(peers.upstream(directory / "upstream"))
        front = stack.enter_context(gateway(directory / "home", upstreams=upstream, pin=on_core(PROXY_CORE)))
        subjects = [
            Subject("gateway", front.url, {"Cookie": front.cookie()}),
            Subject("Envoy", stack.enter_context(peers.envoy(upstream))),
        ]
        for subject in subjects:
            wrk.press(subject.url + PATH, seconds=2, headers=subject.headers)
            load = wrk.press(subject.url + PATH, seconds=SECONDS, headers=subject.headers)
            subject.rate = load.requests_per_second / 2
            console.print(f"{subject.name}: asked {subject.rate:,.0f} times a second")
        for number in range(ROUNDS):
            for subject in subjects:
                for url, seen in ((subject.url, subject.through), (upstream, subject.direct)):
                    paced = pace(url + PATH, rate=subject.rate, seconds=SECONDS, headers=subject.headers, seed=number)
                    seen.append(paced)
            told = ", ".join(f"{one.name} p99 {one.through[-1].p99_ms:.2f} ms" for one in subjects)
            console.print(f"round {number + 1}: {told}")
    rows = [row for subject in subjects for row in _rows(subject)]
    ours = subjects[0]
    added = {"added_p50_ms": ours.added("p50_ms"), "added_p99_ms": ours.added("p99_ms")}
    return Result(
        name="latency",
        goal="1 ms or less added to the p99 at half of the maximum load",
        met=added["added_p99_ms"] <= 1,
        rows=rows,
        ratios=added,
    )


def _rows(subject: Subject) -> list[Row]:
    return [
        Row(subject.name, "requests_per_second", subject.rate, "1/s"),
        Row(subject.name, "added_p50_ms", subject.added("p50_ms"), "ms"),
        Row(subject.name, "added_p99_ms", subject.added("p99_ms"), "ms"),
        *(
            Row(f"upstream, at {subject.name}'s rate", figure, statistics.median(values), "ms")
            for figure, values in (
                ("p50_ms", [paced.p50_ms for paced in subject.direct]),
                ("p99_ms", [paced.p99_ms for paced in subject.direct]),
            )
        ),
    ]
