"""What a worker process holds while it serves: threads, connections, the watch on the toggles."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from django.conf import settings
from django.db import Error, connections

from gateway import override, position, tokens, visitor
from gateway.accounts.identity import principal_of_session
from gateway.comparison.store import ComparisonStore
from gateway.override import Overrides
from gateway.position import PositionCookies
from gateway.proxy import record
from gateway.proxy.app import DataPlane, Options
from gateway.proxy.decision import UPSTREAMS, Upstream
from gateway.proxy.identity import ISSUERS, Cookies, Resolver, SessionsAway, UpstreamTokens
from gateway.proxy.shadow import Shadow, ShadowOptions
from gateway.proxy.tally import Tally
from gateway.proxy.upstream import Limits, PooledUpstream
from gateway.routing.live import WATCHER
from gateway.visitor import Visitors
from services.chassis.identity import Minter, Principal, Verifier

Result = TypeVar("Result")

_SHADOW: Final = ShadowOptions()


class Runtime:
    """Everything that must be opened in the worker's own process and event loop, and closed there."""

    def __init__(self) -> None:
        self.page_threads = ThreadPoolExecutor(settings.THREADS, thread_name_prefix="page")
        self._session_threads = ThreadPoolExecutor(settings.SESSION_THREADS, thread_name_prefix="session")
        self._comparison_threads = ThreadPoolExecutor(1, thread_name_prefix="comparison")
        self._upstreams = _upstreams(concurrency=settings.UPSTREAM_CONCURRENCY, watched=True)
        # Of their own: what mirrored reads meet must neither open a breaker nor take a place that shoppers need.
        self._mirrors = _upstreams(concurrency=2 * _SHADOW.workers)
        self._comparisons = ComparisonStore(run=self._in_thread)
        self._shadow = Shadow(
            upstreams=self._mirrors,
            sink=self._comparisons,
            rules=self._comparisons.rules,
            options=_SHADOW,
            rng=random.Random(),  # noqa: S311
        )
        self._tally = Tally()
        visitors = Visitors(secret=settings.SECRET_KEY)
        positions = PositionCookies(secret=settings.SECRET_KEY)
        cookies = Cookies(
            identity=tokens.COOKIE.encode(),
            session=settings.SESSION_COOKIE_NAME.encode(),
            visitor=visitor.COOKIE.encode(),
            override=override.COOKIE.encode(),
            position=position.COOKIE.encode(),
            others=frozenset({settings.CSRF_COOKIE_NAME.encode()}),
        )
        self.data_plane = DataPlane(
            table=lambda: WATCHER.table,
            resolver=Resolver(
                bearer_tokens=_verifier(tokens.ACCESS_AUDIENCE, ISSUERS),
                cookie_tokens=_verifier(tokens.COOKIE_AUDIENCE, frozenset({"gateway"})),
                cookies=cookies,
                visitors=visitors,
                positions=positions,
                overrides=Overrides.from_file(settings.IDENTITY_PUBLIC_KEYS_FILE),
                look_up_session=self._look_up_session,
            ),
            tokens=UpstreamTokens(minter=Minter.from_file(issuer="gateway", path=settings.IDENTITY_KEY_FILE)),
            upstreams=self._upstreams,
            visitors=visitors,
            positions=positions,
            shadow=self._shadow,
            tally=self._tally,
            options=Options(
                deadline=settings.REQUEST_DEADLINE,
                patience=settings.FALLBACK_AFTER,
                body_max=settings.BODY_MAX,
                secure_cookies=settings.SESSION_COOKIE_SECURE,
                trust_forwarded=settings.TRUST_FORWARDED,
                access_log=settings.PROXY_ACCESS_LOG,
            ),
        )

    async def start(self) -> None:
        """Begin what runs beside the requests."""
        WATCHER.start()
        self._tally.start()
        self._comparisons.start()
        await self._shadow.start()

    async def close(self) -> None:
        """Let pages finish, then close everything."""
        await WATCHER.stop()
        await self._shadow.close()
        await self._comparisons.close()
        self._tally.close()
        for upstream in (*self._upstreams.values(), *self._mirrors.values()):
            await upstream.close()
        loop = asyncio.get_running_loop()
        for threads in (self.page_threads, self._session_threads, self._comparison_threads):
            await loop.run_in_executor(None, threads.shutdown)
        await loop.run_in_executor(None, connections["default"].close_pool)  # type: ignore[attr-defined]

    async def _in_thread(self, work: Callable[[], Result], /) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._comparison_threads, work)

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


def _upstreams(*, concurrency: int, watched: bool = False) -> Mapping[Upstream, PooledUpstream]:
    limits = Limits(
        connect=settings.UPSTREAM_CONNECT_TIMEOUT,
        read=settings.UPSTREAM_READ_TIMEOUT,
        concurrency=concurrency,
    )
    return {
        name: PooledUpstream(
            url=settings.UPSTREAM_URLS[name],
            limits=limits,
            on_breaker=partial(record.breaker, name) if watched else None,
        )
        for name in UPSTREAMS
    }


def _verifier(audience: str, issuers: frozenset[str]) -> Verifier:
    return Verifier.from_file(audience=audience, path=settings.IDENTITY_PUBLIC_KEYS_FILE, issuers=issuers)
