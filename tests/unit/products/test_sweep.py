"""`services.chassis.sweep`: the command's loop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from services.chassis import sweep
from services.chassis.locks import lock_key
from services.products import settlement


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    monkeypatch.setattr(settlement, "settle_overdue", lambda **given: found.append(given))
    return found


@pytest.mark.django_db(transaction=True)
def test_once_is_one_round(rounds: list[object]) -> None:
    call_command("sweep", "--once")
    assert len(rounds) == 1


@pytest.mark.django_db(transaction=True)
def test_a_round_is_left_to_whoever_is_at_it(rounds: list[object]) -> None:
    name = "services.products.management.commands.sweep"
    rival = connection.copy()
    try:
        with rival.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key(name)])
            call_command("sweep", "--once")
            assert rounds == []
            cursor.execute("SELECT pg_advisory_unlock(%s)", [lock_key(name)])
    finally:
        rival.close()
        rival.close_pool()  # type: ignore[attr-defined]
    call_command("sweep", "--once")
    assert len(rounds) == 1


@pytest.mark.django_db(transaction=True)
def test_the_lock_is_given_back_also_when_a_round_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**given: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(settlement, "settle_overdue", fail)
    with pytest.raises(ZeroDivisionError):
        call_command("sweep", "--once")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone() == (0,)


def test_one_item_that_fails_does_not_stop_the_rest() -> None:
    done: list[int] = []
    sweep.each("bad", [1, 0, 2], lambda item: done.append(6 // item))
    assert done == [6, 3]


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf", "soon"])
def test_a_pause_that_is_none_is_refused(every: str) -> None:
    with pytest.raises(CommandError, match="--every"):
        call_command("sweep", f"--every={every}")


def _wait_until_it_listens(pid: int) -> None:
    """Wait until the process has a handler of its own for SIGTERM."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        time.sleep(3)
        return
    deadline = time.monotonic() + 30
    while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_stops_it_at_once() -> None:
    command = [sys.executable, "-m", "django", "sweep", "--every", "60"]
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        _wait_until_it_listens(process.pid)
        assert process.poll() is None
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
        assert time.monotonic() - began < 2
        assert process.stdout is not None
        assert b"Traceback" not in process.stdout.read()
