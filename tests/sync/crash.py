"""A mover in a process of its own, which is killed outright right after a commit of its choice."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final

from services.sync.cutover import Limits, move
from services.sync.mapping.capabilities import Side

# From a process that has imported everything and holds nothing: no thread, no connection.
_SERVER: Final = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["services.sync.cutover", "tests.sync.crash"])


def killed_after(
    step: str,
    *,
    databases: Mapping[str, str],
    capability: str,
    buckets: Sequence[int],
    to: Side,
    batch: int,
    nth: int = 1,
) -> None:
    """Move, and be killed after the nth commit of that name; return when the process has gone."""
    process = _SERVER.Process(target=_run, args=(step, dict(databases), capability, list(buckets), to, batch, nth))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL, f"after {step}: {process.exitcode}"


def _run(
    step: str, databases: dict[str, str], capability: str, buckets: list[int], to: Side, batch: int, nth: int
) -> None:
    os.environ.update({f"{name.upper()}_DATABASE_URL": url for name, url in databases.items()})
    seen = 0

    def after(done: str) -> None:
        nonlocal seen
        seen += done == step
        if done == step and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    move(capability, buckets, to, by="test", limits=Limits(batch=batch), after=after)
