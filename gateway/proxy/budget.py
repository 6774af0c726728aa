"""How many requests may be sent a second time. Pure."""

from __future__ import annotations

from typing import Final

SHARE: Final = 0.2
"""Retries per request: a component in trouble must not get twice the load for it."""
RESERVE: Final = 10.0
"""Retries that are there before the first request, so that a quiet shop has some."""
MOST: Final = 100.0


class RetryBudget:
    """Every request puts a fifth of a retry in, every retry takes one out."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = RESERVE

    def request(self) -> None:
        """Note a request."""
        left = self._left + SHARE
        self._left = left if left < MOST else MOST

    def retry(self) -> bool:
        """Take a retry out; False when there is none."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
