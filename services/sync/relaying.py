"""The loop of one relay: connects, leads or follows who does, steps, and waits until there is more.

A loop that fails says so once, tries again for ever, and says when it has succeeded. Nothing is lost by that: what is
not relayed stays in the outbox.

    Away                  a database cannot be reached, or a connection to it broke
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg

from services.chassis import log
from services.sync import metrics
from services.sync.carrier import CHANNEL
from services.sync.databases import Connection, connect, leading
from services.sync.mapping.capabilities import Capability, Side, other
from services.sync.measure import holder, measure
from services.sync.pulse import Backoff, Beat, Measured, Pulse, State, idle_pause
from services.sync.relay import LIMIT, Relay

LOOK_SECONDS: Final = 1.0
"""Between two looks at how full an outbox is, whether a relay is needed at all, and whether another still leads."""
# So soon a loop that waits for a notification sees that it is to stop.
_SLICE_SECONDS: Final = 0.2
# Counting an outbox takes at most this share of a relay's time, however long it has become.
_COUNTING: Final = 0.05

_logger = log.get("services.sync")


class Away(Exception):
    """A database cannot be reached, or a connection to it broke. Says of several databases which one."""

    def __init__(self, component: str, error: psycopg.Error) -> None:
        super().__init__(f"{component}: {type(error).__name__}")
        self.component = component
        self.detail = line(error)


@contextmanager
def reached(component: str, *, name: str) -> Iterator[Connection]:
    """Connect for as long as the block lasts; Away."""
    try:
        connection = connect(component, name=name)
    except psycopg.Error as error:
        raise Away(component, error) from error
    with connection:
        try:
            yield connection
        except psycopg.Error as error:
            if connection.closed:
                raise Away(component, error) from error
            raise


class RelayLoop:
    """One direction of one capability."""

    def __init__(self, *, capability: Capability, side: Side, name: str, stopping: threading.Event) -> None:
        self.pulse = Pulse(capability.name, side, Beat("starting", time.monotonic()))
        self._capability = capability
        self._sender = capability.component(side)
        self._receiver = capability.component(other(side))
        self._name = name
        self._stopping = stopping
        self._backoff = Backoff()
        self._measure_at = 0.0
        self._set_aside = 0
        self._whose: Mapping[str, str] = {"capability": capability.name, "origin": side}

    def run(self) -> None:
        """Relay until told to stop."""
        while not self._stopping.is_set():
            try:
                with reached(self._sender, name=self._name) as sender:
                    self._attend(sender)
            except Exception as error:
                self._failed(error)
                self._stopping.wait(self._backoff.pause())

    def _attend(self, sender: Connection) -> None:
        # Before the outbox is looked at: whoever notifies after that look wakes us.
        sender.execute(f"LISTEN {CHANNEL}")
        self._measure_at = 0.0
        while not self._stopping.is_set():
            if not self._look(sender).called_for:
                self._said("off")
                self._doze(sender, LOOK_SECONDS)
                self._measure_at = 0.0
                continue
            with leading(sender, self.pulse.name) as mine:
                if mine:
                    self._lead(sender)
                    continue
            leader = holder(sender, self.pulse.name)
            if leader is None:
                # Gone between the two looks.
                self._stopping.wait(_SLICE_SECONDS)
            else:
                self._said("follows", leader)
                self._stopping.wait(LOOK_SECONDS)

    def _lead(self, sender: Connection) -> None:
        """This will relay for as long as that is called for."""
        with reached(self._receiver, name=self._name) as receiver:
            relay = Relay(capability=self._capability, origin=self.pulse.side, sender=sender, receiver=receiver)
            pause = 0.0
            while not self._stopping.is_set() and self._look(sender).called_for:
                began = time.monotonic()
                step = relay.step(LIMIT)
                self._said("leads")
                if step.read:
                    metrics.relayed(
                        self.pulse.capability,
                        self.pulse.side,
                        changes=step.read - step.set_aside,
                        seconds=time.monotonic() - began,
                    )
                pause = idle_pause(step.read, limit=LIMIT, before=pause)
                if pause:
                    self._doze(sender, pause)

    def _look(self, sender: Connection) -> Measured:
        """This will measure the sender's side, no more often than it should."""
        measured = self.pulse.measured
        began = time.monotonic()
        if measured is None or began >= self._measure_at:
            try:
                measured = self.pulse.measured = measure(sender, capability=self._capability.name)
            except psycopg.Error:
                self.pulse.measured = None
                raise
            ended = time.monotonic()
            self._measure_at = ended + max(0.9 * LOOK_SECONDS, (ended - began) / _COUNTING)
            if measured.set_aside > self._set_aside:
                _logger.warning("relay_set_aside", **self._whose, changes=measured.set_aside)
            self._set_aside = measured.set_aside
        return measured

    def _doze(self, sender: Connection, seconds: float) -> None:
        """This will wait until the time is over, somebody notifies, or it is time to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping.is_set():
            for _ in sender.notifies(timeout=min(left, _SLICE_SECONDS), stop_after=1):
                return

    def _said(self, state: State, leader: str = "") -> None:
        before, self.pulse.beat = self.pulse.beat, Beat(state, time.monotonic(), leader)
        self._backoff.reset()
        if (before.state, before.detail) != (state, leader):
            _logger.info("relay", **self._whose, state=state, **({"leader": leader} if leader else {}))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, Away) and error.component == self._sender:
            self.pulse.measured = None
        before, self.pulse.beat = self.pulse.beat, Beat("failing", time.monotonic(), short(error))
        if (before.state, before.detail) == ("failing", self.pulse.beat.detail):
            return
        if isinstance(error, Away):
            _logger.error("relay_lost", **self._whose, database=error.component, detail=error.detail)
        else:
            expected = isinstance(error, psycopg.Error)
            _logger.error("relay_failed", **self._whose, detail=line(error), exc_info=None if expected else error)


def line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def short(error: Exception) -> str:
    """Return what kind of error it is: two that are the same need not be told apart."""
    return str(error) if isinstance(error, Away) else type(error).__name__
