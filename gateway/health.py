"""`/healthz` and `/readyz` of the gateway, answered in the event loop: threads and database may be busy or away."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from gateway.routing.watch import Watcher

PATHS: Final = frozenset({"/healthz", "/readyz"})
_METHODS: Final = frozenset({"GET", "HEAD"})


def health(path: str, watcher: Watcher, *, draining: bool = False) -> tuple[int, dict[str, Any]]:
    """Return status and body. A worker that has been told to stop is alive, and not ready.

    A worker that has seen the toggles serves on without its database: taking every worker out of service then would
    turn a shop without logins into no shop. One that never has seen them is not ready.
    """
    if path == "/healthz":
        return 200, {"status": "ok"}
    table = watcher.table
    checks = {
        "database": "ok" if watcher.in_touch else "away",
        "routing": "unknown" if table is None else f"revision {table.revision}",
    }
    if table is None or draining:
        if draining:
            checks["stopping"] = "yes"
        return 503, {"status": "unavailable", "checks": checks}
    return 200, {"status": "ok" if watcher.in_touch else "degraded", "checks": checks}


async def answer(scope: dict[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]], *, watcher: Watcher) -> None:
    """Answer one request for a path of `PATHS`."""
    headers = [(b"cache-control", b"no-store")]
    if scope["method"] in _METHODS:
        status, said = health(scope["path"], watcher, draining=bool(scope.get("state", {}).get("draining")))
        body = json.dumps(said).encode()
        headers.append((b"content-type", b"application/json"))
    else:
        status, body = 405, b""
        headers.append((b"allow", b"GET, HEAD"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
