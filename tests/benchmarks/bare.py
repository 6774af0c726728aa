"""A bare ASGI proxy for GET, that any server can run with any of three clients: what is measured is those.

Reads `UPSTREAM_URL` and `CLIENT`: `ours`, `aiohttp` or `pyreqwest`.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

Headers = list[tuple[bytes, bytes]]
Fetch = Callable[[str, Headers], Awaitable[tuple[int, Headers, bytes]]]

_DROPPED: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"server", b"date"})


def _ours(url: str) -> Fetch:
    from gateway.proxy.upstream import Limits, PooledUpstream

    upstream = PooledUpstream(url=url, limits=Limits(connect=2, read=15))

    async def fetch(target: str, headers: Headers) -> tuple[int, Headers, bytes]:
        sent = [(b"host", upstream.host), *headers]
        answering = await upstream.ask(method="GET", target=target.encode(), headers=sent, body=None)
        try:
            return answering.status, answering.headers, b"".join([piece async for piece in answering.chunks()])
        finally:
            answering.close()

    return fetch


def _aiohttp(url: str) -> Fetch:
    library = import_module("aiohttp")
    session = library.ClientSession(
        connector=library.TCPConnector(limit=256),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
        cookie_jar=library.DummyCookieJar(),
    )

    async def fetch(target: str, headers: Headers) -> tuple[int, Headers, bytes]:
        told = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        async with session.get(url + target, headers=told, allow_redirects=False) as answer:
            return answer.status, list(answer.raw_headers), await answer.read()

    return fetch


def _pyreqwest(url: str) -> Fetch:
    client = import_module("pyreqwest.client").ClientBuilder().build()

    async def fetch(target: str, headers: Headers) -> tuple[int, Headers, bytes]:
        told = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        answer = await client.get(url + target).headers(told).build().send()
        found = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
        return answer.status, found, bytes(await answer.bytes())

    return fetch


_CLIENTS: Final[dict[str, Callable[[str], Fetch]]] = {"ours": _ours, "aiohttp": _aiohttp, "pyreqwest": _pyreqwest}


class Proxy:
    """One worker's application. Its client is opened by the first request, in the loop that serves it."""

    def __init__(self) -> None:
        self._fetch: Fetch | None = None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        fetch = self._fetch
        if fetch is None:
            fetch = self._fetch = _CLIENTS[os.environ["CLIENT"]](os.environ["UPSTREAM_URL"])
        query = scope["query_string"].decode("latin-1")
        headers = [pair for pair in scope["headers"] if pair[0] not in {b"host", b"connection"}]
        status, found, body = await fetch(f"{scope['path']}?{query}" if query else scope["path"], headers)
        kept = [(name.lower(), value) for name, value in found if name.lower() not in _DROPPED]
        await send({"type": "http.response.start", "status": status, "headers": kept})
        await send({"type": "http.response.body", "body": body})


async def _live(
    receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


application = Proxy()
