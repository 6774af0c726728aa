"""UUIDv7 keys for rows that had integer keys. Pure.

A row's key in one database is that database's own affair; both sides find a row by the name that people know it by.
A row that is new to a service gets a key that depends on nothing but the row, so that copying it twice, or into two
databases, gives the same key.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the creation of rows that do not say when they were created."""
KEY_MAX: Final = (1 << 62) - 1

_MILLISECOND: Final = timedelta(milliseconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)


def uuid7(created: datetime, key: int) -> UUID:
    """Return the UUIDv7 of a row by when it was created and its integer key; ValueError outside what fits.

    Sorts as (created, key) does: milliseconds first, then the microseconds within, then the key.
    """
    milliseconds, rest = divmod(created - EPOCH, _MILLISECOND)
    if not (0 <= milliseconds < 1 << 48 and 0 <= key <= KEY_MAX):
        raise ValueError(f"no UUIDv7 for {created}, {key}")
    return UUID(int=milliseconds << 80 | 7 << 76 | (rest // _MICROSECOND) << 64 | 2 << 62 | key)


def uuid7_sql(created: str, key: str) -> str:
    """Return the SQL expression of the same UUIDv7, from expressions of the two."""
    microseconds = f"(extract(epoch FROM {created}) * 1000000)::bigint"
    # Two signed halves of 64 bits: milliseconds, version and microseconds; the variant's bit and the key.
    high = f"({microseconds} / 1000 << 16) | (7 << 12) | ({microseconds} % 1000)"
    low = f"{key}::bigint | (1::bigint << 63)"
    return f"(lpad(to_hex({high}), 16, '0') || to_hex({low}))::uuid"


def new_key(created: datetime, key: int | None) -> UUID | None:
    """Return the UUIDv7 of a row, or None for one that carries no integer key: it draws its own."""
    return None if key is None else uuid7(created, key)
