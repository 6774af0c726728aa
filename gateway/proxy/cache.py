"""A small bounded cache whose entries expire. Not for several threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ExpiringCache(Generic[Key, Value]):
    """Keeps at most `size` values, each until its time; the oldest goes first."""

    def __init__(self, *, size: int, clock: Callable[[], float] = time.time) -> None:
        self._size = size
        self._clock = clock
        self._entries: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key) -> tuple[Value] | None:
        """Return the value in a tuple, so that a kept None is told from nothing kept."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        expires_at, value = entry
        if expires_at <= self._clock():
            del self._entries[key]
            return None
        return (value,)

    def put(self, key: Key, value: Value, *, expires_at: float) -> None:
        """Keep the value until that moment of the cache's clock."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (expires_at, value)
