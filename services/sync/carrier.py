"""Sees to it that changes are relayed while ownership moves: by a relay of its own, or by waking the one that leads."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import ExitStack
from typing import Final

from psycopg.errors import LockNotAvailable

from services.sync.databases import Connection, leading
from services.sync.errors import Refused
from services.sync.mapping.capabilities import CAPABILITIES, Side
from services.sync.relay import NotDrained, Relay

CHANNEL: Final = "techcommerce_relay"
"""Notified with the capability, at the database whose outbox is to be looked at now."""
_WAKE_SECONDS: Final = 0.05


class Carrier:
    """One direction of one capability, until the stack is closed. The connections are for one thread, this one."""

    def __init__(
        self, stack: ExitStack, *, capability: str, origin: Side, sender: Connection, receiver: Connection
    ) -> None:
        self._stack = stack
        self._capability = CAPABILITIES[capability]
        self._origin = origin
        self._sender = sender
        self._receiver = receiver
        self._relay: Relay | None = None
        self._woken = float("-inf")
        self._lead()

    @property
    def ours(self) -> bool:
        """Whether it is this process that relays."""
        return self._relay is not None

    def push(self) -> int:
        """Relay what is there, or now and then wake whoever does that; take over from one that has gone.

        Returns how many changes this process has taken up.
        """
        if self._relay is None:
            if time.monotonic() < self._woken + _WAKE_SECONDS:
                return 0
            self._lead()
        if self._relay is not None:
            return self._relay.step().read
        self.wake()
        return 0

    def wake(self) -> None:
        """Wake whoever relays, if that is another process."""
        if self._relay is None:
            self._sender.execute("SELECT pg_notify(%s, %s)", [CHANNEL, self._capability.name])
            self._woken = time.monotonic()

    def push_these(self, buckets: Collection[int], *, until: float) -> None:
        """Relay all changes of some buckets before any others, or wake whoever relays; Refused when it gets too late.

        That is by `time.monotonic`.
        """
        if self._relay is None:
            self.push()
            return
        try:
            self._relay.drain(buckets, until)
        except (NotDrained, LockNotAvailable) as error:
            raise Refused(str(error).strip().splitlines()[0]) from None

    def _lead(self) -> None:
        attempt = ExitStack()
        if not attempt.enter_context(leading(self._sender, f"relay.{self._capability.name}.{self._origin}")):
            attempt.close()
            return
        self._stack.enter_context(attempt)
        self._relay = Relay(
            capability=self._capability, origin=self._origin, sender=self._sender, receiver=self._receiver
        )
