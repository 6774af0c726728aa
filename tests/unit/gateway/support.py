"""A client that speaks ASGI to the whole gateway, and real workers."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.unit.gateway.proxy.support import Exchange, Heard


async def ask(
    application: Any,
    method: str,
    path: str,
    headers: list[tuple[bytes, bytes]] | None = None,
    *,
    hang_up_after: float | None = None,
    state: dict[str, Any] | None = None,
) -> Heard:
    """Send a request without a body to an ASGI application. The client hangs up after so many seconds, if said."""
    heard = Heard()
    begun = False
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal begun
        if not begun:
            begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            heard.status, heard.headers = message["status"], message["headers"]
        else:
            heard.chunks.append(message.get("body", b""))
            heard.whole = not message.get("more_body", False)

    raw_path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "http_version": "1.1",
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"shop.test"), *(headers or [])],
        "client": ("192.0.2.7", 1234),
        "server": ("127.0.0.1", 3000),
        "raw_target": path.encode(),
        "state": state or {},
        "extensions": {"techcommerce.exchange": Exchange(), "techcommerce.memo": {}},
    }
    asking = asyncio.ensure_future(application(scope, receive, send))
    if hang_up_after is not None:
        await asyncio.sleep(hang_up_after)
        gone.set()
        # A server may end the task of a request whose client has gone.
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return heard
    await asyncio.wait_for(asking, 20)
    return heard
