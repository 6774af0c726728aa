"""What there is to build a proxy of: ASGI servers before one bare proxy, and upstream clients behind one server."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.benchmarks import peers, wrk
from tests.benchmarks.machine import HOST, PROXY_CORE, free_port, on_core, running
from tests.benchmarks.report import Result, Row

ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
SECONDS: Final = float(os.environ.get("SECONDS", "3"))
PATH: Final = "/products?search=lamp&page_size=8"
APPLICATION: Final = "tests.benchmarks.bare:application"
OURS: Final = "gateway.wire"


@dataclass(slots=True)
class Subject:
    """A server with a client behind it."""

    server: str
    client: str
    url: str = ""
    rates: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.server} + {'our pool' if self.client == 'ours' else self.client}"


def _command(server: str, port: int) -> Sequence[str]:
    gunicorn = (sys.executable, "-m", "gunicorn", "--workers", "1", "--keep-alive", "75", "--log-level", "warning")
    bound = ("--bind", f"{HOST}:{port}", APPLICATION)
    if server == "granian":
        quiet = ("--interface", "asgi", "--loop", "uvloop", "--http", "1", "--no-ws", "--workers", "1", "--no-log")
        return (sys.executable, "-m", "granian", *quiet, "--host", HOST, "--port", str(port), APPLICATION)
    kind = {
        OURS: ("--worker-class", "gateway.wire.worker.GatewayWorker", "--config", "python:tests.benchmarks.uvloop_on"),
        "gunicorn asgi": ("--worker-class", "asgi", "--config", "python:tests.benchmarks.uvloop_on"),
        "gunicorn uvicorn": ("--worker-class", "uvicorn.workers.UvicornWorker"),
    }[server]
    return (*gunicorn, *kind, *bound)


def run(console: Console) -> Result:
    """Press each in turn, several times."""
    with tempfile.TemporaryDirectory(prefix="techcommerce-servers-") as name, ExitStack() as stack:
        upstream = stack.enter_context(peers.upstream(Path(name) / "upstream"))
        subjects = [Subject(server, "ours") for server in (OURS, "gunicorn asgi", "gunicorn uvicorn", "granian")]
        subjects += [Subject(OURS, client) for client in ("aiohttp", "pyreqwest")]
        for subject in subjects:
            port = free_port()
            environment = {"UPSTREAM_URL": upstream, "CLIENT": subject.client}
            command = on_core(PROXY_CORE, *_command(subject.server, port))
            stack.enter_context(running(command, port=port, environment=environment))
            subject.url = f"http://{HOST}:{port}"
            peers.answers_rightly(subject.name, subject.url + PATH)
            wrk.press(subject.url + PATH, seconds=1)
        for number in range(ROUNDS):
            for subject in subjects:
                subject.rates.append(wrk.press(subject.url + PATH, seconds=SECONDS).requests_per_second)
            told = ", ".join(f"{subject.name} {subject.rates[-1]:,.0f}" for subject in subjects)
            console.print(f"round {number + 1}: {told}")
    chosen, *others = subjects
    ratios = {
        f"vs_{(one.server if one.client == 'ours' else one.client).replace(' ', '_')}": statistics.median(
            ours / theirs for ours, theirs in zip(chosen.rates, one.rates, strict=True)
        )
        for one in others
    }
    return Result(
        name="servers",
        goal="what was chosen is no slower than what was not",
        met=min(ratios.values()) >= 1,
        rows=[Row(one.name, "requests_per_second", statistics.median(one.rates), "1/s") for one in subjects],
        ratios=ratios,
    )
