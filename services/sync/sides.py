"""Reads both sides of a capability at the same time, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from psycopg.sql import Composed

from services.sync.databases import Connection, connect
from services.sync.mapping.capabilities import Capability, Side

SIDES: Final[tuple[Side, ...]] = ("monolith", "service")

_Read = TypeVar("_Read")

_SESSION: Final = """
    SELECT set_config('default_transaction_read_only', 'on', false), set_config('timezone', 'UTC', false),
        -- Joins of whole tables fit in.
        set_config('work_mem', '64MB', false)
"""


@dataclass(frozen=True, slots=True)
class Sides:
    """A connection to each side's database, and a thread for each."""

    connections: Mapping[Side, Connection]
    _threads: ThreadPoolExecutor

    @classmethod
    def open(cls, stack: ExitStack, capability: Capability, *, name: str) -> Self:
        """Connect, until the stack is closed."""
        threads = stack.enter_context(ThreadPoolExecutor(max_workers=len(SIDES), thread_name_prefix="side"))
        connections = {side: stack.enter_context(connect(capability.component(side), name=name)) for side in SIDES}
        for connection in connections.values():
            connection.execute(_SESSION)
        return cls(connections, threads)

    def read(self, ask: Callable[[Side, Connection], _Read]) -> dict[Side, _Read]:
        """Return what each side answers. Both have ended when this returns, also by an error."""
        running = {side: self._threads.submit(ask, side, connection) for side, connection in self.connections.items()}
        failures = [failure for future in running.values() if (failure := future.exception())]
        if failures:
            raise failures[0]
        return {side: future.result() for side, future in running.items()}

    def query(self, make: Callable[[Side], Composed]) -> dict[Side, list[tuple[Any, ...]]]:
        """Return the rows that a query of each side's own finds there."""
        return self.read(lambda side, connection: connection.execute(make(side)).fetchall())
