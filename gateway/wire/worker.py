"""The gateway's worker for gunicorn, which looks after processes, sockets and signals as for any other."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.asgi.lifespan import LifespanManager, LifespanStartupFailed
from gunicorn.workers.gasgi import ASGIWorker

from gateway.wire.server import Server
from services.chassis import env

_HEARTBEAT_SECONDS = 1.0
_SWITCH_SECONDS = 0.0005
_TICK_SECONDS = 0.05


class GatewayWorker(ASGIWorker):  # type: ignore[misc]
    """Serves with `gateway.wire.server`, and stops without dropping anything.

    After SIGTERM it is not ready, goes on accepting for `GATEWAY_DRAIN_SECONDS`, so that whoever balances can notice,
    makes every answer the last of its connection, then stops accepting and finishes what is under way.
    """

    async def _serve(self) -> None:
        # Held back since before the fork, see `services.chassis.gunicorn`: from here on the loop hears them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
        draining = env.seconds("GATEWAY_DRAIN_SECONDS", 0, or_none=True)
        server = Server(self.asgi, loop=self.loop)
        self.lifespan = LifespanManager(self.asgi, self.log, server.state)
        try:
            await self.lifespan.startup()
        except LifespanStartupFailed as error:
            self.log.error("ASGI lifespan startup failed: %s", error)
            raise SystemExit(Arbiter.WORKER_BOOT_ERROR) from error
        # Requests make little that only the collector can free: looking for it at every 700 objects is for others.
        gc.set_threshold(50_000, 20, 50)
        # Threads render pages and keep comparisons. The usual 5 ms is how long each of them could hold up the loop.
        sys.setswitchinterval(_SWITCH_SECONDS)
        server.start()
        listeners = [
            await self.loop.create_server(server.connection, sock=listener.sock, backlog=self.cfg.backlog)
            for listener in self.sockets
        ]
        beat = 0.0
        while self.alive and self.ppid == os.getppid():
            if self.loop.time() - beat > _HEARTBEAT_SECONDS:
                beat = self.loop.time()
                self.notify()
            await asyncio.sleep(_TICK_SECONDS)
        await self._stop(server, listeners, draining=draining)
        await self.lifespan.shutdown()

    async def _stop(self, server: Server, listeners: list[Any], *, draining: float) -> None:
        server.drain()
        # A little less than the arbiter's own patience: what it has to kill is cut off in the middle.
        end = self.loop.time() + max(self.cfg.graceful_timeout - 1, 0)
        drained = self.loop.time() + draining
        while self.loop.time() < min(drained, end) and not self._quick_shutdown:
            self.notify()
            await asyncio.sleep(_TICK_SECONDS)
        # What the kernel has accepted already is taken in before the door is shut.
        await asyncio.sleep(_TICK_SECONDS)
        for listener in listeners:
            listener.close()
        server.close_idle()
        while server.connections and self.loop.time() < end and not self._quick_shutdown:
            self.notify()
            await asyncio.sleep(_TICK_SECONDS)
            server.close_idle()
        left = server.abort()
        if left:
            self.log.warning("cut off %d connections that did not end in time", left)
