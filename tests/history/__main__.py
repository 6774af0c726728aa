"""`make soak`: ten minutes, or `SECONDS`, of shoppers in a shop that moves and in which things are killed.

`SEED` (environment) says what shoppers do and what happens to the shop; the run's own is printed.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.history.run import Run, judged, shopping
from tests.history.upheaval import VICTIMS
from tests.support.system import running

SECONDS: Final = float(os.environ.get("SECONDS") or 600)
SEED: Final = os.environ.get("SEED") or secrets.token_hex(4)
_STRIKES: Final = 0.4
"""Of all that happens, the share that is somebody being killed."""
_CALM: Final = 2.0


def main() -> int:
    """Run, say what happened, and return 1 when anything is wrong."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="techcommerce-soak-") as name:
        # The database server may run as another account, and has to get in.
        Path(name).chmod(0o711)
        console.print("starting the shop")
        with running(Path(name) / "home") as system:
            with shopping(system, seed=SEED) as run:
                _turn_over(run, console)
            console.print("waiting for everything to come to its end")
            violations = judged(run, console)
    return 1 if violations else 0


def _turn_over(run: Run, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    until = time.monotonic() + SECONDS
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=SECONDS)
        while (left := until - time.monotonic()) > 0:
            progress.update(task, completed=SECONDS - left, description="all is well")
            time.sleep(min(_CALM, left))
            chance = run.upheaval.chance.random()
            if chance < _STRIKES:
                victim = run.upheaval.chance.choice(VICTIMS)
                progress.update(task, description=f"{victim} is killed")
                run.upheaval.strike(victim)
            elif chance < 2 * _STRIKES:
                progress.update(task, description="everything moves, there and back")
                run.upheaval.round_trip()
            else:
                progress.update(task, description="some of it moves")
                run.upheaval.stir()
        progress.update(task, completed=SECONDS, description="done")


if __name__ == "__main__":
    sys.exit(main())
