"""The result of a benchmark: a table for people, a JSON file for comparing."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


class CannotMeasureError(Exception):
    """The benchmark could not run here; its text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure."""

    subject: str
    metric: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark measured. `ratios` hold the keys that `docs/benchmarks.md` quotes."""

    name: str
    goal: str
    met: bool
    rows: list[Row]
    ratios: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "when": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            "commit": _commit(),
            "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
            "rows": [
                {"subject": row.subject, "metric": row.metric, "value": row.value, "unit": row.unit}
                for row in self.rows
            ],
            "ratios": self.ratios,
            "goal": self.goal,
            "met": self.met,
        }


def _commit() -> str:
    run = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def publish(result: Result, console: Console) -> None:
    """Print the table and write `results/<name>.json`."""
    table = Table(title=f"{result.name} · goal: {result.goal} · {'met' if result.met else 'not met'}")
    for heading, justify in (("subject", "left"), ("metric", "left"), ("value", "right"), ("unit", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for row in result.rows:
        table.add_row(row.subject, row.metric, f"{row.value:,.2f}", row.unit)
    for name, ratio in result.ratios.items():
        table.add_row("", f"[bold]{name}[/]", f"[bold]{ratio:,.2f}[/]", "")
    console.print(table)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{result.name}.json"
    path.write_text(json.dumps(result.as_json(), indent=2) + "\n")
