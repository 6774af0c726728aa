"""How far a change of the toggles has come: which workers route by it, and when the last of them began to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.routing.models import Revision, Worker
from gateway.routing.presence import FORGOTTEN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Who has followed the last change."""

    revision: int
    workers: int
    """How many have been heard of lately."""
    on_it: int
    milliseconds: int | None
    """From the change to the last worker that followed it; None until all have, and where none had to."""
    missing: tuple[str, ...]
    """`host:pid` of the workers that still route by another revision."""

    @property
    def complete(self) -> bool:
        return self.workers > 0 and self.on_it == self.workers


def adoption(now: datetime) -> Adoption:
    """Return how far the last committed change has come. Two queries."""
    last = Revision.objects.get(id=1)
    since = now - timedelta(seconds=FORGOTTEN_SECONDS)
    workers = list(Worker.objects.filter(seen_at__gt=since).order_by("host", "pid"))
    missing = tuple(str(worker) for worker in workers if worker.revision < last.number)
    # Who started later began with it, and did not follow; who is ahead has followed a change after this one.
    waits = [
        worker.adopted_at - last.changed_at
        for worker in workers
        if worker.revision == last.number and worker.started_at < last.changed_at
    ]
    slowest = max(waits, default=None)
    return Adoption(
        revision=last.number,
        workers=len(workers),
        on_it=len(workers) - len(missing),
        milliseconds=None if missing or slowest is None else max(round(slowest / timedelta(milliseconds=1)), 0),
        missing=missing,
    )
