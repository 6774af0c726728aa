"""A shop under load that is turned over and held to account: what `make soak` and the tests are made of."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from services.chassis.identity import Owner
from services.ownership.schema import BUCKETS
from tests.history import checker, state
from tests.history.checker import Violation
from tests.history.history import READS, Event, History
from tests.history.recorder import Recorder, recording
from tests.history.upheaval import Upheaval
from tests.support.shop import customer, new_sku
from tests.support.system import System

SHOPPERS: Final = 12
STAFF: Final = 2
RATE: Final = 25.0
"""Requests per second of all together: what two cores carry beside everything else."""
_FEW, _MANY = 25, 500_000
_SHOWN: Final = 25


@dataclass(slots=True)
class Run:
    """Shoppers, what happens to the shop meanwhile, and what came of it."""

    system: System
    seed: str
    recorder: Recorder
    upheaval: Upheaval
    stock: dict[str, int]
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def account(self) -> tuple[History, list[Violation]]:
        """Let everything come to its end, and hold it against what was told."""
        state.settle(self.system)
        ending = state.ending(self.system, customers=self.recorder.customers, skus=list(self.stock))
        history = History(events=self.recorder.events, stock=self.stock, outages=self.upheaval.outages, ending=ending)
        return history, checker.check(history)


def _warm(system: System) -> None:
    """Have each side own everything once: what a process does the first time only is no pause of a move."""
    sides: tuple[Owner, Owner] = ("service", "monolith")
    for owner in sides:
        for capability in BUCKETS:
            system.move(capability, owner)
            system.front().place_one(customer())


@contextmanager
def shopping(system: System, *, seed: str, rate: float = RATE) -> Iterator[Run]:
    """Let people shop for as long as the block lasts, in a shop with a few scarce and some plentiful products."""
    shop = system.front()
    stock = {new_sku(): count for count in (_FEW, _FEW, 2 * _FEW, *[_MANY] * 4)}
    for sku, count in stock.items():
        shop.make_product(sku=sku, stock=count)
    _warm(system)
    recorder = Recorder(system.stack.url("gateway"), system.minters["gateway"], sorted(stock))
    run = Run(system, seed, recorder, Upheaval(system, Random(f"{seed}/upheaval")), stock)
    with recording(recorder, seed=seed, shoppers=SHOPPERS, staff=STAFF, rate=rate):
        yield run
    run.seconds = time.monotonic() - run.began


def judged(run: Run, console: Console) -> list[Violation]:
    """Return what is wrong, after saying what happened."""
    history, violations = run.account()
    report(run, history, violations, console)
    return violations


def report(run: Run, history: History, violations: Sequence[Violation], console: Console) -> None:
    """Print what happened, what it cost those who were there, and what is wrong."""
    events = history.events
    writes = [event for event in events if event.act not in READS and event.acknowledged]
    table = Table(title=f"History of {run.seconds:.0f} s, seed {run.seed}", title_justify="left", show_header=False)
    orders = history.ending.sides["monolith"].orders
    cancelled = sum(order["status"] == "cancelled" for order in orders.values())
    outages = Counter(outage.component for outage in history.outages)
    rows = {
        "requests": f"{len(events):,}, {len(events) / run.seconds:.0f}/s, by {len(run.recorder.customers)} shoppers",
        "orders": f"{len(orders):,}, {cancelled:,} cancelled",
        "keys asked again": f"{_again(events):,}",
        "buckets moved": f"{run.upheaval.moved:,}; there and back {_spelt(run.upheaval.trips)}",
        "pause, by the mover": _pause([one / 1000 for one in run.upheaval.pauses]),
        "writes, as clients saw them": _pause([event.ended - event.began for event in writes]),
        "reads, as clients saw them": _pause(
            [event.ended - event.began for event in events if event.act in READS and event.acknowledged]
        ),
        "killed": _spelt(outages) or "nothing",
        "failed": f"{sum(event.failed for event in events):,}; hung up {sum(event.gave_up for event in events):,}",
        "went back in time": f"{checker.went_back(history):,} reads of others' changes",
        "violations": _spelt(Counter(one.kind for one in violations)) or "none",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
    for violation in violations[:_SHOWN]:
        console.print(f"  {violation}", markup=False, highlight=False, soft_wrap=True)


def until(moment: float, act: Callable[[], object]) -> None:
    """Do something again and again, until the time has come."""
    while time.monotonic() < moment:
        act()


def _again(events: Sequence[Event]) -> int:
    sent = Counter((event.who, event.key) for event in events if event.act == "place")
    return sum(count > 1 for count in sent.values())


def _spelt(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _pause(seconds: Sequence[float]) -> str:
    if not seconds:
        return "–"
    ordered = sorted(1000 * one for one in seconds)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"p50 {ordered[len(ordered) // 2]:.0f} ms, p99 {p99:.0f} ms, longest {ordered[-1]:.0f} ms"
