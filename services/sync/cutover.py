"""Moves the ownership of buckets from one side to the other, while people go on writing.

One batch of buckets after the other, each in seven steps:

    1  intended    the move is recorded, with the epoch that the target is to own with
    2  armed       changes are recorded at both sides, and relayed soon enough
    3  fenced      the source owns no longer; nobody does. Its writers have committed
    4  drained     the target has applied all that they wrote
    5  decided     in the record. Up to here the source can own again, from here on only the target
    6  owned       the target owns
    7  done        the source knows it, and the gateway sends writes there

Between 3 and 6 writes are answered 421 by both sides, and the gateway tries again: the pause. What becomes of a move
that ends in the middle is said in `settle.py`; a mover that can still speak does that itself, at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Final

import psycopg

from services.ownership.schema import BUCKETS
from services.sync import handover, owners, records, toggle
from services.sync.arm import arm
from services.sync.buckets import in_batches, spell
from services.sync.carrier import Carrier
from services.sync.databases import leading
from services.sync.errors import Refused
from services.sync.handover import BusyError
from services.sync.mapping.capabilities import CAPABILITIES, Side, other
from services.sync.owners import Databases, View
from services.sync.records import Overtaken, Record
from services.sync.settle import After, quiet, settle

STEPS: Final = (
    "intended",
    "armed",
    "fence",
    "fenced",
    "drained",
    "decided",
    "own",
    "owned",
    "release",
    "toggle",
    "done",
)
"""The commits of a batch, in order, as `after` is told of them. Owners change with `fence`, `own` and `release`."""

_POLL: Final = 0.003
_LAG_POLL: Final = 0.02
_TIDY_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a move may ask of those who write meanwhile."""

    batch: int = 64
    fence_ms: int = handover.FENCE_MS
    fence_tries: int = 60
    drain_seconds: float = 1.0
    """Then the source owns again."""
    lag_rows: int = 500
    """More changes on their way than that, and no fence is put up."""
    lag_age: float = 1.0
    """Seconds for which the oldest of them may have waited."""
    lag_seconds: float = 5.0
    """For how long a move waits for the lag to shrink."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one batch."""

    buckets: Sequence[int]
    pause_ms: float | None = None
    """From when the source let no writer in any more to when the target did. None if nobody was there to measure."""
    reason: str = ""
    """Why it was not moved."""


@dataclass(slots=True)
class Report:
    """What became of a move."""

    capability: str
    to: Side
    already: int = 0
    """Buckets that were there before."""
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def moved(self) -> int:
        return sum(len(outcome.buckets) for outcome in self.outcomes if not outcome.reason)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.reason]

    @property
    def pauses(self) -> list[float]:
        return [outcome.pause_ms for outcome in self.outcomes if outcome.pause_ms is not None]

    @property
    def longest(self) -> float | None:
        return max(self.pauses, default=None)


def lock_name(capability: str) -> str:
    """Return the name of the lock in the gateway's database that whoever moves or repairs a capability holds."""
    return f"cutover.{capability}"


def move(
    capability: str,
    buckets: Iterable[int],
    to: Side,
    *,
    by: str = "",
    reason: str = "",
    limits: Limits | None = None,
    after: After = quiet,
    finished: Callable[[Outcome], None] = lambda outcome: None,
    chance: random.Random | None = None,
) -> Report:
    """Move these buckets to a side, and report; Refused when it cannot begin.

    Batches that fail are in the report, and have been left as they were; `finished` is told of each batch.
    """
    report = Report(capability, to)
    mover: _Mover | None = None
    left: list[Sequence[int]] = []
    try:
        with ExitStack() as stack:
            databases = Databases.open(stack, capability=capability)
            if not stack.enter_context(leading(databases.gateway, lock_name(capability))):
                raise Refused(f"somebody else moves {capability} right now, or repairs a move")
            for record in records.open_ones(databases.gateway, capability):
                settle(databases, record, reason="left unfinished by another mover")
            mover = _Mover(
                databases=databases,
                capability=capability,
                to=to,
                by=by,
                reason=reason,
                limits=limits or Limits(),
                after=after,
                chance=chance or random.Random(),  # noqa: S311
            )
            left = mover.prepare(stack, buckets, report)
            while left:
                _note(report, mover.batch(left[0]), finished)
                del left[0]
            mover.carry_back()
    except BaseException as error:
        # Whatever it was, a person's Ctrl-C too: buckets that nobody owns must not wait for somebody to notice.
        moved = mover is not None and mover.under_way and _tidy(capability, reason=_said(error))
        if not isinstance(error, psycopg.Error | Overtaken) or not (left or report.outcomes):
            raise
        if moved:
            _note(report, Outcome(left.pop(0)), finished)
        for batch in left:
            _note(report, Outcome(batch, reason=_said(error)), finished)
    return report


def _note(report: Report, outcome: Outcome, finished: Callable[[Outcome], None]) -> None:
    report.outcomes.append(outcome)
    finished(outcome)


def _tidy(capability: str, *, reason: str) -> bool:
    """Settle what a move left open, and tell whether that meant to finish it.

    By connections of its own: the move's may be what is broken.
    """
    until = time.monotonic() + _TIDY_SECONDS
    while time.monotonic() < until:
        # What this cannot do, the doctor will.
        with suppress(psycopg.Error, Refused), ExitStack() as stack:
            databases = Databases.open(stack, capability=capability)
            # The session of before may take a moment to end.
            if stack.enter_context(leading(databases.gateway, lock_name(capability))):
                closed = [
                    settle(databases, record, reason=reason)
                    for record in records.open_ones(databases.gateway, capability)
                ]
                return any(record.state == "done" for record in closed)
        time.sleep(0.1)
    return False


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@dataclass(slots=True, kw_only=True)
class _Mover:
    databases: Databases
    capability: str
    to: Side
    by: str
    reason: str
    limits: Limits
    after: After
    chance: random.Random
    under_way: bool = False
    """Whether a record may be open."""
    _forth: Carrier = field(init=False)
    _back: Carrier | None = field(init=False, default=None)
    _view: View = field(init=False)

    @property
    def source(self) -> Side:
        return other(self.to)

    def prepare(self, stack: ExitStack, buckets: Iterable[int], report: Report) -> list[Sequence[int]]:
        """Make both sides ready, and return what is to be moved, in batches and in order; Refused."""
        view = owners.read(self.databases, capability=self.capability)
        wanted = self._plan(sorted(set(buckets)), view, report)
        if not wanted:
            toggle.follow(self.databases, capability=self.capability, by=self.by, reason=self.reason)
            return []
        if not (view.monolith.capturing and view.service.capturing):
            arm(CAPABILITIES[self.capability])
            view = owners.read(self.databases, capability=self.capability)
        self._view = view
        self._forth, self._back = (self._carrier(stack, origin) for origin in (self.source, self.to))
        self._require_copied()
        return in_batches(wanted, to=self.to, size=self.limits.batch)

    def _carrier(self, stack: ExitStack, origin: Side) -> Carrier:
        return Carrier(
            stack,
            capability=self.capability,
            origin=origin,
            sender=self.databases.at(origin),
            receiver=self.databases.at(other(origin)),
        )

    def _require_copied(self) -> None:
        """Refuse to hand rows over to a side that has never been given any."""
        holds = {
            side: owners.holds_rows(self.databases.at(side), capability=self.capability, side=side)
            for side in (self.source, self.to)
        }
        if holds[self.source] and not holds[self.to] and not self._view.at(self.source).waiting:
            raise Refused(f"the {self.to} holds no {self.capability}: ./manage.py sync backfill {self.capability}")

    def _plan(self, buckets: Sequence[int], view: View, report: Report) -> list[int]:
        source, target = view.at(self.source).owners, view.at(self.to).owners
        wanted, odd = [], []
        for bucket in buckets:
            if not 0 <= bucket < BUCKETS[self.capability]:
                raise Refused(f"{self.capability} has no bucket {bucket}")
            match source[bucket][0], target[bucket][0]:
                case "self", "peer":
                    wanted.append(bucket)
                case "peer", "self":
                    report.already += 1
                case _:
                    odd.append(bucket)
        if odd:
            raise Refused(f"not one side owns buckets {spell(odd)}: ./manage.py migration doctor")
        return wanted

    def carry_back(self) -> None:
        """Carry what has been written at the target since, should nobody else: leases that were ended, at least."""
        if self._back is None or not self._back.ours:
            return
        until = time.monotonic() + self.limits.drain_seconds
        # All has been moved; whoever relays next does what this cannot.
        with suppress(psycopg.Error):
            while self._back.push() and time.monotonic() < until:
                pass

    def batch(self, buckets: Sequence[int]) -> Outcome:
        """Move one batch, and return what became of it; Overtaken. Errors of databases leave its record open."""
        view = self._view
        self.under_way = True
        record = records.begin(
            self.databases.gateway,
            capability=self.capability,
            buckets=buckets,
            source=self.source,
            target=self.to,
            epoch=1 + max(side.owners[bucket][1] for side in (view.monolith, view.service) for bucket in buckets),
            by=self.by,
            reason=self.reason,
        )
        try:
            outcome = Outcome(buckets, pause_ms=self._steps(record))
        except (Refused, BusyError) as error:
            record = records.again(self.databases.gateway, record)
            if record.state in records.UNDECIDED:
                settle(self.databases, record, reason=str(error))
            outcome = Outcome(buckets, reason=str(error))
        except Overtaken:
            self.under_way = False
            if records.again(self.databases.gateway, record).state != "done":
                raise
            outcome = Outcome(buckets)
        self.under_way = False
        return outcome

    def _steps(self, record: Record) -> float:
        gateway = self.databases.gateway
        self.after("intended")
        self._check(record)
        record = self._advance(record)
        since = self._fence(record)
        # Everything that is to be drained is there; recording that can be done meanwhile.
        self._forth.wake()
        self.after("fence")
        record = self._advance(record)
        self._drain(record)
        record = self._advance(record)
        # The decision. Whoever gave the move up in the meantime has made this impossible.
        record = self._advance(record)
        handover.own(self.databases.at(record.target), record)
        pause_ms = 1000 * (time.monotonic() - since)
        self.after("own")
        record = records.advance(gateway, record, pause_ms=pause_ms)
        self.after("owned")
        settle(self.databases, record, reason="", after=self.after)
        return pause_ms

    def _advance(self, record: Record) -> Record:
        record = records.advance(self.databases.gateway, record)
        self.after(record.state)
        return record

    def _check(self, record: Record) -> None:
        """Return when changes are relayed soon enough for a short pause; Refused."""
        source = self.databases.at(record.source)
        until = time.monotonic() + self.limits.lag_seconds
        while True:
            self._forth.push()
            if self._back is not None:
                self._back.push()
            _, set_aside = self._under_way(record)
            lag = owners.lag(source, capability=self.capability, at_most=self.limits.lag_rows)
            if not set_aside and lag.rows <= self.limits.lag_rows and lag.age <= self.limits.lag_age:
                return
            if time.monotonic() > until:
                # One that only waits for another is tried again every second, so not the first look decides.
                _refuse_set_aside(record, set_aside)
                more = "more than " if lag.rows > self.limits.lag_rows else ""
                raise Refused(
                    f"{more}{min(lag.rows, self.limits.lag_rows)} changes of the {record.source}'s wait to be relayed,"
                    f" the oldest for {lag.age:.1f} s: is `./manage.py sync run` alive?"
                )
            time.sleep(_LAG_POLL)

    def _fence(self, record: Record) -> float:
        source = self.databases.at(record.source)
        said = ""
        for _ in range(self.limits.fence_tries):
            try:
                return handover.fence(source, record, ms=self.limits.fence_ms)
            except BusyError as error:
                said = str(error)
            # Those who have queued behind us go first, and their changes are under way before the next attempt.
            self._forth.push()
            time.sleep(self.chance.uniform(0.02, 0.08))
        raise Refused(f"{said}, {self.limits.fence_tries} times in a row")

    def _drain(self, record: Record) -> None:
        """Return when the target has applied every change of these buckets; Refused when that takes too long.

        The source is asked after its fence has been committed, so it shows every change there will be. A change leaves
        the outbox only once the target has committed it: none there means all applied.
        """
        until = time.monotonic() + self.limits.drain_seconds
        while True:
            waiting, set_aside = self._under_way(record)
            if not waiting:
                return
            _refuse_set_aside(record, set_aside)
            if time.monotonic() > until:
                raise Refused(f"{waiting} changes were not relayed within {self.limits.drain_seconds:g} s")
            self._forth.push_these(record.buckets, until=until)
            if not self._forth.ours:
                time.sleep(_POLL)

    def _under_way(self, record: Record) -> tuple[int, int]:
        """Return how many changes of these buckets the target has not applied, and how many of them were set aside."""
        return owners.outbox(self.databases.at(record.source), capability=self.capability, buckets=record.buckets)


def _refuse_set_aside(record: Record, number: int) -> None:
    if number:
        raise Refused(
            f"{number} changes of these buckets could not be applied at the {record.target}:"
            " ./manage.py sync status names them, ./manage.py sync retry tries again"
        )
