"""Connections of the mover, and who of several movers acts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from services.chassis import env
from services.chassis.locks import lock_key

Connection = psycopg.Connection[tuple[Any, ...]]

GATEWAY: Final = "gateway"
"""The component whose database is the control plane's."""

_DURABLE: Final = """
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
# A session that the network has lost must not go on leading: its locks end with it.
_KEEPALIVES: Final = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}


def connect(component: str, *, name: str = "sync") -> Connection:
    """Return a connection to a component's database, by `<COMPONENT>_DATABASE_URL`.

    Each statement that is not in a transaction is one of its own: nothing is held open between them. After a lock has
    been granted, what its holder committed is seen; and whatever is built on a commit finds it after a crash.
    """
    url = env.text(f"{component.upper()}_DATABASE_URL")
    connection = psycopg.connect(url, autocommit=True, application_name=name, connect_timeout=5, **_KEEPALIVES)  # type: ignore[arg-type]
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    connection.execute(_DURABLE)
    return connection


@contextmanager
def leading(connection: Connection, name: str) -> Iterator[bool]:
    """Tell whether this process is the one that acts under a name, and keep it so until the block ends.

    The lock is the database session's: when the process or its connection dies, another can have it at once.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [lock_key(name)]).fetchone()
    mine = row == (True,)
    try:
        yield mine
    finally:
        if mine and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [lock_key(name)])
