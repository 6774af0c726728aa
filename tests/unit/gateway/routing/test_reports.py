"""Which workers have followed, and how soon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.routing.models import Revision, Worker
from gateway.routing.reports import adoption

CHANGED = datetime(2026, 11, 23, 10, tzinfo=UTC)
NOW = CHANGED + timedelta(seconds=60)


@pytest.fixture
def revision(db: None) -> int:
    Revision.objects.update_or_create(id=1, defaults={"number": 17, "changed_at": CHANGED})
    return 17


def worker(name: int, *, revision: int = 17, after: float = 0.01, started: float = -100, seen: float = 59) -> None:
    """Make a row. Times are seconds after the change."""
    Worker.objects.create(
        id=str(name),
        host="here",
        pid=name,
        revision=revision,
        started_at=CHANGED + timedelta(seconds=started),
        adopted_at=CHANGED + timedelta(seconds=after),
        seen_at=CHANGED + timedelta(seconds=seen),
    )


def said() -> tuple[int, int, int | None, tuple[str, ...]]:
    found = adoption(NOW)
    assert found.revision == 17
    return found.on_it, found.workers, found.milliseconds, found.missing


def test_it_is_the_last_worker_that_counts(revision):
    worker(1, after=0.004)
    worker(2, after=0.0381)
    assert said() == (2, 2, 38, ())
    assert adoption(NOW).complete


def test_who_is_missing_is_named(revision):
    worker(1)
    worker(2, revision=16)
    assert said() == (1, 2, None, ("here:2",))
    assert not adoption(NOW).complete


def test_who_has_not_been_heard_of_is_gone(revision):
    worker(1)
    worker(2, revision=16, seen=49)
    assert said() == (1, 1, 10, ())


def test_who_started_later_did_not_follow(revision):
    worker(1, after=0.02)
    worker(2, started=30, after=30)
    assert said() == (2, 2, 20, ())


def test_nobody_is_not_everybody(revision):
    assert said() == (0, 0, None, ())
    assert not adoption(NOW).complete


def test_a_worker_that_is_ahead_is_not_missing(revision):
    worker(1, revision=18)
    assert said() == (1, 1, None, ())
