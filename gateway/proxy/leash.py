"""What ends a request's wait before its answer is there: its deadline, or its client's leaving.

ClientGone            the client has hung up; there is nobody to answer
DeadlinePassed        the time for the whole request is over
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

LOOK_SECONDS: Final = 0.05
"""How exactly deadlines are kept."""


class ClientGone(Exception):
    """The client has hung up."""


class DeadlinePassed(Exception):
    """The time for the whole request is over."""


class Exchange(Protocol):
    """What the server knows of a request, see `gateway.wire.server`."""

    @property
    def task(self) -> asyncio.Task[Any] | None:
        """In which the application runs."""

    def on_gone(self, callback: Callable[[], object] | None) -> None:
        """Have the callback called once the client has hung up. None takes it back."""


class Leashes:
    """All requests that are under way in one event loop, looked through for deadlines that have passed.

    Setting a timer for each request and taking it back would cost more than deciding where to send it.
    """

    def __init__(self) -> None:
        self._taut: set[Leash] = set()
        self._looking = False

    def leash(self, exchange: Exchange, *, loop: asyncio.AbstractEventLoop, seconds: float) -> Leash:
        """Return a leash of so many seconds."""
        return Leash(self, loop, exchange, loop.time() + seconds)

    def add(self, leash: Leash, loop: asyncio.AbstractEventLoop) -> None:
        """Look after a leash."""
        self._taut.add(leash)
        if not self._looking:
            self._looking = True
            loop.call_later(LOOK_SECONDS, self._look, loop)

    def discard(self, leash: Leash) -> None:
        """Look after it no more."""
        self._taut.discard(leash)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for leash in [each for each in self._taut if each.ends_at <= now]:
            leash.end(DeadlinePassed)
        self._looking = bool(self._taut)
        if self._looking:
            loop.call_later(LOOK_SECONDS, self._look, loop)


class Leash:
    """While in its `with` block, the task is cancelled by either, and leaves with the exception that says which."""

    __slots__ = ("_exchange", "_leashes", "_loop", "_reason", "_task", "ends_at")

    def __init__(self, leashes: Leashes, loop: asyncio.AbstractEventLoop, exchange: Exchange, ends_at: float) -> None:
        self._leashes = leashes
        self._loop = loop
        self._exchange = exchange
        self.ends_at = ends_at
        """On the loop's clock."""
        self._reason: type[Exception] | None = None
        self._task: asyncio.Task[Any] | None = None

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        left = self.ends_at - self._loop.time()
        return left if left > 0 else 0.0

    def __enter__(self) -> Leash:
        self._task = self._exchange.task
        self._leashes.add(self, self._loop)
        self._exchange.on_gone(self._gone)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        task, self._task = self._task, None
        self._leashes.discard(self)
        self._exchange.on_gone(None)
        if self._reason is not None and task is not None:
            # Unless somebody else cancels at the same time: then theirs stands.
            ours = task.uncancel() == 0
            if ours and kind is not None and issubclass(kind, asyncio.CancelledError):
                raise self._reason from error

    def end(self, reason: type[Exception]) -> None:
        """Cancel the task, for that reason."""
        if self._task is not None and self._reason is None:
            self._reason = reason
            self._task.cancel()

    def _gone(self) -> None:
        self.end(ClientGone)
