"""wrk, the load generator: closed loop, so it asks as fast as it is answered."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.machine import LOAD_CORE, needed, on_core
from tests.benchmarks.report import CannotMeasureError

CONNECTIONS: Final = 32
_MILLISECONDS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def press(
    url: str, *, seconds: float, connections: int = CONNECTIONS, headers: Mapping[str, str] | None = None
) -> Load:
    """Ask a URL as fast as it answers; CannotMeasureError when any answer was not a good one."""
    command = on_core(
        LOAD_CORE, needed("wrk", "wrk"), "--latency", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"
    )
    for name, value in (headers or {}).items():
        command += ("-H", f"{name}: {value}")
    run = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    if run.returncode:
        raise CannotMeasureError(f"wrk: {(run.stderr or run.stdout).strip()[-300:]}")
    return _read(run.stdout, url)


def _read(said: str, url: str) -> Load:
    for trouble in ("Non-2xx or 3xx responses", "Socket errors"):
        if found := re.search(rf"{trouble}: *(.+)", said):
            raise CannotMeasureError(f"{url}: {trouble}: {found[1]}")
    rate = re.search(r"Requests/sec: +([\d.]+)", said)
    parts = dict(re.findall(r"^ +(50|99)% +([\d.]+(?:us|ms|s))$", said, re.MULTILINE))
    if rate is None or parts.keys() != {"50", "99"} or not float(rate[1]):
        raise CannotMeasureError(f"wrk said nothing of use: {said.strip()[-300:]}")
    return Load(float(rate[1]), _milliseconds(parts["50"]), _milliseconds(parts["99"]))


def _milliseconds(text: str) -> float:
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * _MILLISECONDS[unit]
