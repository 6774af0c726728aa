"""How long `make run` takes until every component is ready, on a warm install, and what memory all of it holds."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
from rich.console import Console

from services.local.components import COMPONENTS
from tests.benchmarks.report import CannotMeasureError, Result, Row

ROOT = Path(__file__).parents[2]
RUNS = 3
PATIENCE = 120.0


def run(console: Console) -> Result:
    """Start the whole system once to have its databases, then measure later starts."""
    with tempfile.TemporaryDirectory(prefix="techcommerce-startup-") as home:
        _start(home)
        measured = []
        for number in range(RUNS):
            measured.append(_start(home))
            ready, pss, rss = measured[-1]
            console.print(f"run {number + 1}: ready in {ready:.1f} s, {pss:.0f} MB proportional, {rss:.0f} MB resident")
    ready, pss, rss = (statistics.median(column) for column in zip(*measured, strict=True))
    return Result(
        name="startup",
        goal="ready in 10 s or less, 1,024 MB or less",
        met=ready <= 10 and pss <= 1024,
        rows=[
            Row("make run", "ready_s", ready, "s"),
            Row("make run", "memory_mb", pss, "MB"),
            Row("make run, shared pages counted for each process", "resident_mb", rss, "MB"),
        ],
        ratios={"ready_s": ready, "memory_mb": pss},
    )


def _start(home: str) -> tuple[float, float, float]:
    """Start, wait until ready, weigh, stop. Returns seconds, MB (PSS), MB (sum of RSS)."""
    ports = {component: _free_port() for component in COMPONENTS}
    environment = {
        **os.environ,
        "TECHCOMMERCE_HOME": home,
        **{f"{component.prefix}_PORT": str(port) for component, port in ports.items()},
    }
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, ROOT / "manage.py", "run"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        waiting = set(ports.values())
        while waiting:
            if process.poll() is not None:
                assert process.stdout is not None
                raise CannotMeasureError("the run ended: " + process.stdout.read().strip()[-500:])
            if time.monotonic() - started > PATIENCE:
                raise CannotMeasureError(f"not ready within {PATIENCE:.0f} s: ports {sorted(waiting)}")
            waiting = {port for port in waiting if not _is_ready(port)}
            time.sleep(0.05)
        ready = time.monotonic() - started
        time.sleep(2)
        pss, rss = _weigh(psutil.Process(process.pid), Path(home))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    return ready, pss, rss


def _weigh(root: psutil.Process, home: Path) -> tuple[float, float]:
    """Return the memory in MB of the run's processes and of its PostgreSQL, which is not a child of anyone."""
    processes = {root, *root.children(recursive=True)}
    pidfile = home / "postgres" / "postmaster.pid"
    if pidfile.exists():
        postmaster = psutil.Process(int(pidfile.read_text().split()[0]))
        processes |= {postmaster, *postmaster.children(recursive=True)}
    pss = rss = 0
    for process in processes:
        try:
            memory = process.memory_full_info()
        except psutil.Error:
            continue
        pss += memory.pss
        rss += memory.rss
    return pss / 2**20, rss / 2**20


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
