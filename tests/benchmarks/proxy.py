"""Requests per second that one core carries through a proxy: the gateway with all it does, and three others.

The gateway decides by its toggles, cleans headers, continues traces and counts; once for a customer who is known by
cookie, for whom it hands a signed token on, and once for a visitor nobody knows.
"""

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
from tests.benchmarks.report import Result, Row

ROUNDS: Final = int(os.environ.get("ROUNDS", "8"))
SECONDS: Final = float(os.environ.get("SECONDS", "3"))
WARM_UP_SECONDS: Final = 2.0
PATH: Final = "/products?search=lamp&page_size=8"


@dataclass(slots=True)
class Subject:
    """Somebody who forwards."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    seen: list[wrk.Load] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [load.requests_per_second for load in self.seen]


def run(console: Console) -> Result:
    """Press each in turn, several times."""
    with tempfile.TemporaryDirectory(prefix="techcommerce-proxy-") as name, ExitStack() as stack:
        directory = Path(name)
        upstream = stack.enter_context(peers.upstream(directory / "upstream"))
        pin = on_core(PROXY_CORE)
        front = stack.enter_context(gateway(directory / "home", upstreams=upstream, pin=pin))
        subjects = [
            Subject("gateway, a customer", front.url, {"Cookie": front.cookie()}),
            Subject("gateway, anonymous", front.url),
            Subject("Envoy", stack.enter_context(peers.envoy(upstream))),
            Subject("django-revproxy", stack.enter_context(peers.django_revproxy(upstream))),
            Subject("nginx", stack.enter_context(peers.nginx(upstream, directory / "nginx"))),
        ]
        for subject in subjects:
            peers.answers_rightly(subject.name, subject.url + PATH, subject.headers)
            wrk.press(subject.url + PATH, seconds=WARM_UP_SECONDS, headers=subject.headers)
        for number in range(ROUNDS):
            for subject in subjects:
                subject.seen.append(wrk.press(subject.url + PATH, seconds=SECONDS, headers=subject.headers))
            told = ", ".join(f"{subject.name} {subject.seen[-1].requests_per_second:,.0f}" for subject in subjects)
            console.print(f"round {number + 1}: {told}")
        return _result(subjects)


def _result(subjects: list[Subject]) -> Result:
    ours, _, envoy, revproxy, nginx = subjects
    ratios = {
        "vs_django_revproxy": _ratio(ours, revproxy),
        "vs_envoy": _ratio(ours, envoy),
        "vs_nginx": _ratio(ours, nginx),
    }
    rows = []
    for subject in subjects:
        rows.append(
            Row(subject.name, "requests_per_second", statistics.median(subject.rates), "1/s"),
        )
        rows.append(Row(subject.name, "p99_ms", statistics.median(load.p99_ms for load in subject.seen), "ms"))
    return Result(
        name="proxy",
        goal="10 × django-revproxy or more, and 0.9 × Envoy or more, on one core",
        met=ratios["vs_django_revproxy"] >= 10 and ratios["vs_envoy"] >= 0.9,
        rows=rows,
        ratios=ratios,
    )


def _ratio(one: Subject, other: Subject) -> float:
    """Return the median of the rounds' ratios: what slows the machine for a while slows both of a round."""
    return statistics.median(ours / theirs for ours, theirs in zip(one.rates, other.rates, strict=True))
