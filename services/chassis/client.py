"""Calls from one component to another's API: always through the gateway, with the caller's own identity.

Unreachable            no answer, or one that says nothing (5xx that is not the contract's): outcome unknown
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import httpx

from services.chassis import deadline, trace
from services.chassis.identity import Minter, Principal

_SECONDS = 10.0
_CONNECT_SECONDS = 2.0


class Unreachable(Exception):
    """The other side gave no usable answer; whether it acted is unknown."""


class GatewayClient:
    """A pooled client of the gateway in the name of one component. Safe to share between threads."""

    def __init__(
        self, *, component: str, url: str, minter: Minter, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._principal = Principal(subject=f"service:{component}", kind="service")
        self._minter = minter
        self._http = httpx.Client(base_url=url, transport=transport, trust_env=False)

    def request(self, method: str, path: str, *, json: Any = None) -> httpx.Response:
        """Return the answer, whatever its status below 500; Unreachable otherwise."""
        seconds = deadline.left(_SECONDS)
        if not seconds:
            raise Unreachable(f"{method} {path}: the time for this request is over")
        headers = {"Authorization": f"Bearer {self._minter.mint(self._principal, audience='gateway')}"}
        here = trace.CURRENT.get()
        if here is not None:
            headers |= {"traceparent": here.traceparent, "X-Request-Id": here.request_id}
        headers[deadline.HEADER] = str(int(seconds * 1000))
        timeout = httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))
        try:
            response = self._http.request(method, path, json=json, headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            raise Unreachable(f"{method} {path}: {type(error).__name__}") from error
        if response.status_code >= 500:
            raise Unreachable(f"{method} {path}: {response.status_code}")
        return response


@cache
def gateway(component: str, url: str, key_file: Path) -> GatewayClient:
    """Return this process's client of the gateway."""
    return GatewayClient(component=component, url=url, minter=Minter.from_file(issuer=component, path=key_file))
