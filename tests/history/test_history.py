"""The shop keeps its word to those who are there, while everything moves and while things are killed."""

from __future__ import annotations

import time
from typing import Final

import pytest
from rich.console import Console

from tests.history.checker import Violation
from tests.history.run import judged, shopping, until
from tests.history.upheaval import VICTIMS
from tests.support.system import System

SECONDS: Final = 55.0
TRIPS: Final = 2


def told(violations: list[Violation]) -> str:
    return "\n".join(map(str, violations[:20]))


def test_nobody_notices_that_everything_moves(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    with shopping(system, seed="moving") as run:
        end = time.monotonic() + SECONDS
        for _ in range(TRIPS):
            run.upheaval.round_trip()
        until(end, run.upheaval.stir)
    with capsys.disabled():
        violations = judged(run, Console())
    assert all(trips >= TRIPS for trips in run.upheaval.trips.values())
    assert not violations, told(violations)


def test_whatever_is_killed_nobody_was_told_what_is_not_so(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    with shopping(system, seed="killing") as run:
        for victim in run.upheaval.chance.sample(VICTIMS, len(VICTIMS)):
            run.upheaval.strike(victim)
            # What the shop is like in between counts as well.
            time.sleep(1.0)
    with capsys.disabled():
        violations = judged(run, Console())
    assert {outage.component for outage in run.upheaval.outages} == set(VICTIMS)
    assert not violations, told(violations)
