"""What ends a request's wait before its answer is there: its deadline, or its client's leaving.

ClientGone            the client has hung up; there is nobody to answer
DeadlinePassed        the time for the whole request is over
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class ClientGone(Exception):
    """The client has hung up."""


class DeadlinePassed(Exception):
    """The time for the whole request is over."""


class Exchange(Protocol):
    """What the server knows of a request, see `gateway.wire.server`."""

    def on_gone(self, callback: Callable[[], object] | None) -> None:
        """Have the callback called once the client has hung up. None takes it back."""


class Leash:
    """While in its `with` block, the task is cancelled by either, and leaves with the exception that says which.

    Cheaper than a task that waits for the client beside one that waits for the answer, and than `asyncio.timeout`.
    """

    __slots__ = ("_exchange", "_loop", "_reason", "_task", "_timer", "ends_at")

    def __init__(self, *, loop: asyncio.AbstractEventLoop, exchange: Exchange, seconds: float) -> None:
        self._loop = loop
        self._exchange = exchange
        self.ends_at = loop.time() + seconds
        """On the loop's clock."""
        self._reason: type[Exception] | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return max(self.ends_at - self._loop.time(), 0.0)

    def __enter__(self) -> Leash:
        self._task = asyncio.current_task()
        self._timer = self._loop.call_at(self.ends_at, self._end, DeadlinePassed)
        self._exchange.on_gone(self._gone)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        task, self._task = self._task, None
        if self._timer is not None:
            self._timer.cancel()
        self._exchange.on_gone(None)
        if self._reason is not None and task is not None:
            # Unless somebody else cancels at the same time: then theirs stands.
            ours = task.uncancel() == 0
            if ours and kind is not None and issubclass(kind, asyncio.CancelledError):
                raise self._reason from error

    def _gone(self) -> None:
        self._end(ClientGone)

    def _end(self, reason: type[Exception]) -> None:
        if self._task is not None and self._reason is None:
            self._reason = reason
            self._task.cancel()
