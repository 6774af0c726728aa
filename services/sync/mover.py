"""The mover: one process whose loops carry changes both ways, compare the sides, and finish interrupted moves.

A thread for each loop: what one of them waits for keeps no other waiting.

Several movers may run. One of them leads each relay, by a lock of a database session, and the others look every second
whether it still does. One that has lost its lock without knowing may apply a last batch beside its successor, which is
harmless: changes are applied by (epoch, seq), whoever brings them.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Final, Protocol

from services.sync.mapping.capabilities import CAPABILITIES, Side
from services.sync.measure import Control
from services.sync.pulse import Pulse
from services.sync.relaying import RelayLoop
from services.sync.rounds import LOOK_SECONDS, REPAIR_SECONDS, Comparing, Looking, Rounds, repair

_SIDES: Final[tuple[Side, ...]] = ("monolith", "service")
_LEAVE_SECONDS: Final = 1.5
"""For which loops are waited for. What they have not committed by then the databases undo."""


class _Loop(Protocol):
    def run(self) -> None: ...


class Mover:
    """All loops of one process."""

    def __init__(self, *, reconcile_seconds: float) -> None:
        self.name = f"sync run {socket.gethostname()[:40]}:{os.getpid()}"
        """As which the databases know its sessions."""
        self._stopping = threading.Event()
        relays = [
            RelayLoop(capability=capability, side=side, name=self.name, stopping=self._stopping)
            for capability in CAPABILITIES.values()
            for side in _SIDES
        ]
        self.pulses: list[Pulse] = [relay.pulse for relay in relays]
        self._looking = Looking(name=self.name)
        rounds = [
            Rounds("control", self._looking.act, every=LOOK_SECONDS, stopping=self._stopping),
            Rounds("repair", repair, every=REPAIR_SECONDS, stopping=self._stopping),
        ]
        if reconcile_seconds:
            comparing = Comparing(self._capturing, every=reconcile_seconds, name=self.name, stopping=self._stopping)
            # More often than it is due: another mover may have done it a moment ago, or have died over it.
            often = min(reconcile_seconds, LOOK_SECONDS)
            rounds.append(Rounds("reconcile", comparing.act, every=often, stopping=self._stopping))
        loops: list[tuple[str, _Loop]] = [(relay.pulse.name, relay) for relay in relays]
        loops += [(each.name, each) for each in rounds]
        # The interpreter does not wait for them: one that a database keeps waiting must not keep us.
        self._threads = [threading.Thread(target=loop.run, name=name, daemon=True) for name, loop in loops]

    @property
    def control(self) -> Control | None:
        """What the control plane's database has said last; None while it cannot be asked."""
        return self._looking.control

    def start(self) -> None:
        """Start every loop."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, seconds: float = _LEAVE_SECONDS) -> list[str]:
        """Let every loop finish what it does, and return the names of those that did not in time."""
        self._stopping.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _capturing(self) -> list[str]:
        """This will return the capabilities whose changes are recorded at both sides."""
        return [
            name
            for name in CAPABILITIES
            if all(p.measured is not None and p.measured.capturing for p in self.pulses if p.capability == name)
        ]
