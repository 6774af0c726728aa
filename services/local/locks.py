"""Locks between processes. The kernel drops them when a process dies, however it dies, so none is ever stale."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def shared(path: Path) -> int:
    """Take the lock beside any number of other holders, and return the descriptor that holds it."""
    return _take(path, fcntl.LOCK_SH)


def exclusive_or_none(path: Path) -> int | None:
    """Take the lock alone without waiting, and return the descriptor that holds it, or None when it is held."""
    try:
        return _take(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock alone, waiting for it, while the block runs."""
    descriptor = _take(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def _take(path: Path, how: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
