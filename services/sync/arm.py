"""Arming a capability: both sides begin to record what is changed there, so that it can be relayed.

Comes before the first row is copied. What a copy has read too early, the relay brings later, provided that nobody can
write in between without being recorded: so the tables are locked for a moment, which waits for whoever writes.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any, Final

from psycopg.errors import DeadlockDetected, LockNotAvailable
from psycopg.sql import SQL, Identifier

from services.sync import records
from services.sync.databases import GATEWAY, Connection, connect, leading
from services.sync.errors import Refused
from services.sync.mapping.capabilities import Capability, Side

SIDES: Final[tuple[Side, ...]] = ("monolith", "service")
LOCK_MS: Final = 200
"""For how long writers may have to queue behind one attempt to lock the tables."""
PATIENCE_SECONDS: Final = 30.0
"""For how long it is tried."""
_PAUSE_SECONDS: Final = 0.2
"""Between two attempts, in which those get on who have queued behind the first."""

_PATIENCE: Final = """
    SELECT set_config('lock_timeout', %(ms)s, true), set_config('idle_in_transaction_session_timeout', '5s', true)
"""


def arm(capability: Capability) -> None:
    """Let both sides record their changes, dealt out to buckets by the gateway's salt. Harmless to do again.

    Refused when a side knows another salt than the gateway, or when its writers leave no moment to lock the tables.
    """
    with connect(GATEWAY) as gateway:
        salt = _salt(gateway, capability)
    for side in SIDES:
        with connect(capability.component(side)) as connection:
            if not _is_armed(connection, capability, side=side, salt=salt):
                _patiently(lambda here=connection, its=side: _arm(here, capability, side=its, salt=salt))


def disarm(capability: Capability) -> None:
    """Let neither side record changes any more: from then on the two may differ. Harmless to do again.

    Refused while a change is still to be relayed, or a move is open.
    """
    with ExitStack() as stack:
        gateway = stack.enter_context(connect(GATEWAY))
        # Movers hold it: none begins meanwhile.
        if not stack.enter_context(leading(gateway, f"cutover.{capability.name}")):
            raise Refused(f"{capability.name} is being moved right now")
        if records.open_ones(gateway, capability.name):
            raise Refused(f"a move of {capability.name} is open: ./manage.py migration doctor")
        connections = {side: stack.enter_context(connect(capability.component(side))) for side in SIDES}
        _patiently(lambda: _disarm(connections, capability))


def _arm(connection: Connection, capability: Capability, *, side: Side, salt: str) -> None:
    with connection.transaction():
        _lock_tables(connection, capability, side=side)
        connection.execute(
            "UPDATE ownership_capability SET salt = %s, capturing = true WHERE name = %s", [salt, capability.name]
        )


def _disarm(connections: dict[Side, Connection], capability: Capability) -> None:
    """This will stop recording at both sides or at none, save that a database fails between two commits."""
    with ExitStack() as stack:
        for side, connection in connections.items():
            stack.enter_context(connection.transaction())
            _lock_tables(connection, capability, side=side)
            waiting = connection.execute(
                "SELECT count(*) FROM ownership_outbox WHERE capability = %s", [capability.name]
            ).fetchone()
            if waiting != (0,):
                count = waiting[0] if waiting else 0
                raise Refused(f"{capability.name}: {count:,} changes of the {side} are still to be relayed")
        for connection in connections.values():
            connection.execute("UPDATE ownership_capability SET capturing = false WHERE name = %s", [capability.name])


def _salt(gateway: Connection, capability: Capability) -> str:
    row = gateway.execute("SELECT salt FROM routing_toggle WHERE capability = %s", [capability.name]).fetchone()
    if row is None:
        raise Refused(f"the gateway has no routing toggle for {capability.name}")
    salt: str = row[0]
    return salt


def _is_armed(connection: Connection, capability: Capability, *, side: Side, salt: str) -> bool:
    row = connection.execute(
        "SELECT salt, capturing FROM ownership_capability WHERE name = %s", [capability.name]
    ).fetchone()
    if row is None:
        raise Refused(f"the {side}'s database knows nothing of {capability.name}")
    if row[0] not in {None, salt}:
        raise Refused(f"{capability.name}: the {side} deals customers out by another salt than the gateway")
    return bool(row[1])


def _lock_tables(connection: Connection, capability: Capability, *, side: Side) -> None:
    """This will wait until nobody writes, and keep writers out until the transaction ends."""
    connection.execute(_PATIENCE, {"ms": str(LOCK_MS)})
    names = [Identifier(pair.end(side).table.name) for pair in capability.pairs]
    connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(SQL(", ").join(names)))


def _patiently(attempt: Any) -> None:
    """This will try until the tables could be locked; Refused when that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            attempt()
            return
        except (LockNotAvailable, DeadlockDetected):
            if time.monotonic() > deadline:
                raise Refused(f"writers left no moment in {PATIENCE_SECONDS:.0f} s to lock the tables") from None
        time.sleep(_PAUSE_SECONDS)
