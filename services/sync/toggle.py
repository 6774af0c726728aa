"""Lets the gateway's routing follow ownership."""

from __future__ import annotations

from typing import Final

from services.ownership.schema import BUCKETS
from services.sync.buckets import toggled
from services.sync.owners import Databases, owned

_REASON_MAX: Final = 500


def follow(databases: Databases, *, capability: str, by: str, reason: str) -> int | None:
    """Send writes to the buckets, from the first on, that the service owns; return their number if that is news.

    A trigger counts the change and tells every worker. Writes of one that has not heard yet are answered 421 and follow
    that. Whoever holds the toggle's row has also read the owners last: no one who comes late sets it back.
    """
    with databases.gateway.transaction():
        row = databases.gateway.execute(
            "SELECT writes FROM routing_toggle WHERE capability = %s FOR UPDATE", [capability]
        ).fetchone()
        service = owned(databases.service, capability=capability)
        writes = toggled(service, count=BUCKETS[capability])
        if row is None or row[0] == writes:
            return None
        databases.gateway.execute(
            "UPDATE routing_toggle SET writes = %s, updated_at = clock_timestamp(), updated_by = %s, reason = %s"
            " WHERE capability = %s",
            [writes, by[:254], reason[:_REASON_MAX], capability],
        )
        return writes
