"""What the mover does every few seconds beside relaying: looks, compares, repairs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

import psycopg

from services.chassis import log
from services.sync.databases import GATEWAY, leading
from services.sync.errors import Refused
from services.sync.mapping.capabilities import CAPABILITIES
from services.sync.measure import Control, control
from services.sync.pulse import Backoff
from services.sync.relaying import Away, line, reached, short

LOOK_SECONDS: Final = 5.0
"""Between two looks at the control plane's database."""
REPAIR_SECONDS: Final = 30.0

_logger = log.get("services.sync")


class Rounds:
    """Something that is done at once and then every few seconds."""

    def __init__(self, name: str, act: Callable[[], None], *, every: float, stopping: threading.Event) -> None:
        self.name = name
        self._act = act
        self._every = every
        self._stopping = stopping
        self._failing = ""

    def run(self) -> None:
        """Do it until told to stop. A failure is told once, and tried again sooner."""
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                self._act()
            except Exception as error:
                self._failed(error)
                self._stopping.wait(min(backoff.pause(), self._every))
                continue
            if self._failing:
                self._failing = ""
                _logger.info("works_again", round=self.name)
            backoff.reset()
            self._stopping.wait(self._every)

    def _failed(self, error: Exception) -> None:
        if self._failing == short(error):
            return
        self._failing = short(error)
        expected = isinstance(error, psycopg.Error | Away | Refused)
        detail = f"{error}: {error.detail}" if isinstance(error, Away) else line(error)
        _logger.error("round_failed", round=self.name, detail=detail, exc_info=None if expected else error)


class Looking:
    """Knows what the control plane's database knows."""

    def __init__(self, *, name: str) -> None:
        self.control: Control | None = None
        """None until it was read, and while it cannot be."""
        self._name = name

    def act(self) -> None:
        """Read it."""
        try:
            with reached(GATEWAY, name=self._name) as gateway:
                self.control = control(gateway)
        except Exception:
            self.control = None
            raise


class Comparing:
    """Compares the sides of one capability after the other, each when it is due, whichever mover did it last."""

    def __init__(
        self, capturing: Callable[[], Iterable[str]], *, every: float, name: str, stopping: threading.Event
    ) -> None:
        self._capturing = capturing
        self._every = every
        self._name = name
        self._stopping = stopping

    def act(self) -> None:
        """Compare what is due."""
        _each(self._capturing(), self._compare)

    def _compare(self, capability: str) -> None:
        if self._stopping.is_set():
            return
        with (
            reached(GATEWAY, name=self._name) as gateway,
            leading(gateway, f"reconcile.{capability}") as mine,
        ):
            last = control(gateway).reconciled.get(capability)
            if not mine or (last is not None and time.time() - last.at.timestamp() < self._every):
                return
            from services.sync.reconcile import reconcile

            outcome = reconcile(capability)
        if outcome.differences:
            _logger.error("sides_differ", capability=capability, differences=outcome.differences)


def repair() -> None:
    """Finish or undo moves whose mover has gone, and tell of each."""
    _each(CAPABILITIES, _repair)


def _repair(capability: str) -> None:
    from services.sync import doctor

    for said in doctor.repair([capability]):
        _logger.warning("repair", detail=said)


def _each(capabilities: Iterable[str], act: Callable[[str], None]) -> None:
    """This will act on every capability, also where another has failed, and then raise what was raised last."""
    failure: Exception | None = None
    for capability in capabilities:
        try:
            act(capability)
        except Exception as error:
            failure = error
    if failure is not None:
        raise failure
