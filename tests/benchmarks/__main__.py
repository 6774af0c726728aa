"""`python -m tests.benchmarks [NAME …]`: run the benchmarks, or the named ones."""

from __future__ import annotations

import importlib
import sys

from rich.console import Console

from tests.benchmarks.report import CannotMeasureError, publish

NAMES = (
    "startup",
    "proxy",
    "latency",
    "toggle",
    "shadow",
    "servers",
    "relay",
    "backfill",
    "reconcile",
    "cutover",
    "soak",
)


def main(argv: list[str]) -> int:
    """Run the benchmarks. Exit 0 whether or not goals are met, 1 when one could not measure, 2 for an unknown name."""
    console = Console()
    unknown = [name for name in argv if name not in NAMES]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    failed = False
    for name in argv or NAMES:
        console.rule(name)
        try:
            publish(importlib.import_module(f"tests.benchmarks.{name}").run(console), console)
        except CannotMeasureError as error:
            failed = True
            print(f"{name}: could not measure: {error}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
