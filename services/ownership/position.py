"""How far a write has come, said on its answer, so that whoever made it can be shown nothing older.

A position is `orders=monolith.3.12345`: the capability, the side that wrote, the epoch, the id in that side's outbox.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import connection

HEADER: Final = "TechCommerce-Position"

_ONE: Final = re.compile(
    r"(?P<capability>[a-z]{1,20})=(?P<side>monolith|service)\.(?P<epoch>\d{1,18})\.(?P<seq>\d{1,18})", re.ASCII
)
_REACHED: Final = "SELECT current_setting(%(name)s, true), set_config(%(name)s, '', false)"
_UNDER_WAY: Final = """
    SELECT epoch, id FROM ownership_outbox
    WHERE capability = %(capability)s AND (
        %(customer)s::text IS NULL OR bucket = (SELECT ownership_bucket_of(%(capability)s, %(customer)s))
    )
    ORDER BY id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Position:
    """What a write has reached."""

    capability: str
    side: str
    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.capability}={self.side}.{self.epoch}.{self.seq}"


def read(header: str | None, *, capability: str) -> Position | None:
    """Return the capability's position in a header; None without one, or with one that cannot be read."""
    for part in (header or "").split(","):
        found = _ONE.fullmatch(part.strip())
        if found is not None and found["capability"] == capability:
            return Position(capability, found["side"], int(found["epoch"]), int(found["seq"]))
    return None


def reached() -> list[Position]:
    """Return, and forget, what the writes of this database session have reached; nothing when they recorded nothing.

    The triggers leave it with the session. Pooled sessions serve many requests: hence the forgetting.
    """
    positions = []
    with connection.cursor() as cursor:
        for name in settings.OWNERSHIP_CAPABILITIES:
            cursor.execute(_REACHED, {"name": f"techcommerce.position_{name}"})
            said = cursor.fetchone()[0]
            if said:
                epoch, _, seq = said.partition(".")
                positions.append(Position(name, settings.OWNERSHIP_SIDE, int(epoch), int(seq)))
    return positions


def under_way(capability: str, *, customer: str | None) -> list[Position]:
    """Return the last change that the other side may not have yet, of a customer's orders or of everything, if any.

    For who repeats a write: it changes nothing now, but what it did may not have come over.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNDER_WAY, {"capability": capability, "customer": customer})
        return [Position(capability, settings.OWNERSHIP_SIDE, *map(int, row)) for row in cursor.fetchall()]


def is_here(position: Position, *, customer: str | None) -> bool:
    """Tell whether this database holds at least what the position stands for. `customer`: whose orders are read."""
    if position.side == settings.OWNERSHIP_SIDE:
        return True
    with connection.cursor() as cursor:
        # An owner has applied everything that there was before it became one.
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM ownership_applied
                WHERE seq = %(seq)s AND epoch = %(epoch)s AND capability = %(capability)s
            ) OR CASE WHEN %(customer)s::text IS NULL
                THEN NOT EXISTS (SELECT FROM ownership_bucket WHERE capability = %(capability)s AND owner <> 'self')
                ELSE ownership_is_self(%(capability)s, %(customer)s)
            END
            """,
            {
                "seq": position.seq,
                "epoch": position.epoch,
                "capability": position.capability,
                "customer": customer,
            },
        )
        return bool(cursor.fetchone()[0])
