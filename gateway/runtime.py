"""What a worker process holds while it serves: threads, connections, the watch on the toggles."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import Error, connections

from gateway import tokens
from gateway.accounts.identity import principal_of_session
from gateway.proxy.app import DataPlane, Options
from gateway.proxy.decision import UPSTREAMS, Upstream
from gateway.proxy.identity import ISSUERS, Cookies, Resolver, SessionsAway, UpstreamTokens
from gateway.proxy.upstream import Limits, PooledUpstream
from gateway.routing.live import WATCHER
from services.chassis.identity import Minter, Principal, Verifier


class Runtime:
    """Everything that must be opened in the worker's own process and event loop, and closed there."""

    def __init__(self) -> None:
        self.page_threads = ThreadPoolExecutor(settings.THREADS, thread_name_prefix="page")
        self._session_threads = ThreadPoolExecutor(settings.SESSION_THREADS, thread_name_prefix="session")
        self._upstreams = _upstreams()
        cookies = Cookies(identity=tokens.COOKIE.encode(), session=settings.SESSION_COOKIE_NAME.encode())
        self.data_plane = DataPlane(
            table=lambda: WATCHER.table,
            resolver=Resolver(
                bearer_tokens=_verifier(tokens.ACCESS_AUDIENCE, ISSUERS),
                cookie_tokens=_verifier(tokens.COOKIE_AUDIENCE, frozenset({"gateway"})),
                cookies=cookies,
                look_up_session=self._look_up_session,
            ),
            tokens=UpstreamTokens(minter=Minter.from_file(issuer="gateway", path=settings.IDENTITY_KEY_FILE)),
            upstreams=self._upstreams,
            own_cookies=cookies.names | {settings.CSRF_COOKIE_NAME.encode()},
            options=Options(
                deadline=settings.REQUEST_DEADLINE,
                trust_forwarded=settings.TRUST_FORWARDED,
                access_log=settings.PROXY_ACCESS_LOG,
            ),
        )
        WATCHER.start()

    async def close(self) -> None:
        """Let pages finish, then close everything."""
        await WATCHER.stop()
        await asyncio.gather(*(upstream.close() for upstream in self._upstreams.values()))
        loop = asyncio.get_running_loop()
        for threads in (self.page_threads, self._session_threads):
            await loop.run_in_executor(None, threads.shutdown)
        await loop.run_in_executor(None, connections["default"].close_pool)  # type: ignore[attr-defined]

    async def _look_up_session(self, key: str) -> Principal | None:
        if not WATCHER.in_touch:
            raise SessionsAway
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._session_threads, _principal_of_session, key)
        except Error as error:
            raise SessionsAway from error


def _principal_of_session(key: str) -> Principal | None:
    try:
        return principal_of_session(key)
    finally:
        connections.close_all()


def _upstreams() -> Mapping[Upstream, PooledUpstream]:
    limits = Limits(connect=settings.UPSTREAM_CONNECT_TIMEOUT, read=settings.UPSTREAM_READ_TIMEOUT)
    return {name: PooledUpstream(url=settings.UPSTREAM_URLS[name], limits=limits) for name in UPSTREAMS}


def _verifier(audience: str, issuers: frozenset[str]) -> Verifier:
    return Verifier.from_file(audience=audience, path=settings.IDENTITY_PUBLIC_KEYS_FILE, issuers=issuers)
