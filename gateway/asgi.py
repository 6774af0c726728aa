"""The gateway as an ASGI application: routed prefixes go to the data plane, everything else to Django."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
django.setup(set_prefix=False)

from gateway import health  # noqa: E402
from gateway.pages import Pages  # noqa: E402
from gateway.proxy.decision import capability_of  # noqa: E402
from gateway.routing.live import WATCHER  # noqa: E402
from gateway.runtime import Runtime  # noqa: E402

_FIRST_TABLE_SECONDS = 3.0

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Gateway:
    """One worker's application."""

    def __init__(self) -> None:
        self._pages = Pages()
        self._runtime: Runtime | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or live through the server's lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            runtime = self._runtime
            if runtime is None:
                raise RuntimeError("a worker begins with the server's lifespan")
            capability = capability_of(scope["raw_path"])
            if capability is not None:
                await runtime.data_plane(scope, receive, send, capability=capability)
            elif scope["path"] in health.PATHS:
                await health.answer(scope, send, watcher=WATCHER)
            else:
                await self._pages(scope, receive, send, executor=runtime.page_threads)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                # Nothing is opened before the process that serves.
                self._runtime = Runtime()
                await self._runtime.start()
                # A worker that takes another's place should not begin with refusals.
                await WATCHER.wait_for_table(seconds=_FIRST_TABLE_SECONDS)
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._runtime is not None:
                    await self._runtime.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


application = Gateway()
