"""Names of locks as PostgreSQL knows them. Pure."""

from __future__ import annotations

import zlib


def lock_key(name: str) -> int:
    """Return the number under which PostgreSQL knows a name's lock."""
    return zlib.crc32(name.encode())
