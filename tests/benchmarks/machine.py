"""The machine under a benchmark: its two cores, its ports, and programs that run for as long as a block."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.local.components import REPOSITORY
from tests.benchmarks.report import CannotMeasureError

PROXY_CORE: Final = 0
LOAD_CORE: Final = 1
"""Where the load and the upstream run: what is measured has the other core for itself."""
HOST: Final = "127.0.0.1"
_PATIENCE: Final = 60.0


def on_core(core: int, *command: str | Path) -> tuple[str, ...]:
    """Return the command held to one core; CannotMeasureError on a machine with fewer than two."""
    if not {PROXY_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        raise CannotMeasureError(f"needs the cores {PROXY_CORE} and {LOAD_CORE}")
    return (needed("taskset", "util-linux"), "-c", str(core), *map(str, command))


def needed(program: str, package: str) -> str:
    """Return where a program is; CannotMeasureError, with the Debian package to install, when it is nowhere."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:{REPOSITORY / '.venv/bin'}")
    if found is None:
        raise CannotMeasureError(f"there is no {program} here: install {package}")
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], bool], *, what: str, seconds: float = _PATIENCE) -> None:
    """Wait until the condition holds; CannotMeasureError when it does not in time."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise CannotMeasureError(f"{what} did not come true in {seconds:.0f} s")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@contextmanager
def running(
    command: Sequence[str], *, port: int, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program from the moment that it listens on the port to the end of the block."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: listens(port) or process.poll() is not None, what=f"{Path(command[-1]).name} on {port}")
            if process.poll() is not None:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()[-500:]
                raise CannotMeasureError(f"{' '.join(command)} ended: {said}")
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
