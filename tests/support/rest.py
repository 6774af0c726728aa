"""A service's API as its own unit tests call it: in this process, with tokens of the gateway."""

from __future__ import annotations

import json as jsonlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

from services.chassis.client import GatewayClient
from services.chassis.identity import Kind, Minter, Principal
from services.local import keys

_UNSET = object()

T = TypeVar("T")


def minter(component: str) -> Minter:
    """Return what signs in the name of a component."""
    files = keys.ensure(Path(os.environ["TECHCOMMERCE_HOME"]))
    return Minter.from_file(issuer=component, path=files.private(component))


class Api:
    """The component under test, as one caller sees it; `anyone` when no subject is named."""

    def __init__(self, subject: str | None = None, *scopes: str, kind: Kind = "customer") -> None:
        self._client = Client()
        self._headers: dict[str, str] = {}
        if subject is not None:
            principal = Principal(subject, kind, frozenset(scopes))
            token = minter("gateway").mint(principal, audience=settings.COMPONENT)
            self._headers["Authorization"] = f"Bearer {token}"

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = _UNSET,
        content: bytes = b"",
        media_type: str = "",
        headers: dict[str, str] | None = None,
    ) -> HttpResponse:
        """Return the answer to one request."""
        if json is not _UNSET:
            content, media_type = jsonlib.dumps(json).encode(), "application/json"
        sent = {**self._headers, **({"Content-Type": media_type} if media_type else {}), **(headers or {})}
        response = self._client.generic(method, path, content, headers=sent)
        assert isinstance(response, HttpResponse)
        return response

    def get(self, path: str) -> HttpResponse:
        return self.send("GET", path)

    def post(self, path: str, json: Any = _UNSET, **options: Any) -> HttpResponse:
        return self.send("POST", path, json=json, **options)

    def patch(self, path: str, json: Any = _UNSET) -> HttpResponse:
        return self.send("PATCH", path, json=json)

    def delete(self, path: str) -> HttpResponse:
        return self.send("DELETE", path)


def body(response: HttpResponseBase) -> Any:
    """Return an answer's JSON, after holding its media type to its status."""
    expected = "application/json" if response.status_code < 400 else "application/problem+json"
    assert isinstance(response, HttpResponse)
    assert response.headers["Content-Type"] == expected
    return jsonlib.loads(response.content)


def problem(response: HttpResponseBase) -> str:
    """Return an answer's problem type, after holding its status to it."""
    found = body(response)
    assert found["status"] == response.status_code
    return str(found["type"].removeprefix("/problems/"))


def errors(response: HttpResponseBase) -> list[tuple[str, str]]:
    """Return where and with what code each field was refused."""
    assert problem(response) == "validation"
    return [(error.get("pointer", error.get("parameter")), error["code"]) for error in body(response)["errors"]]


def gateway(answer: Callable[[httpx.Request], httpx.Response]) -> GatewayClient:
    """Return a client of a gateway that answers as told."""
    return GatewayClient(
        component=settings.COMPONENT,
        url="http://gateway",
        minter=minter(settings.COMPONENT),
        transport=httpx.MockTransport(answer),
    )


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Return what the calls return when threads make them at the same moment, each on a connection of its own."""
    start = threading.Barrier(count)

    def run(index: int) -> T:
        start.wait(timeout=10)
        try:
            return act(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
