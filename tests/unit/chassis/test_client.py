"""services.chassis.client"""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis import deadline, trace
from services.chassis.client import GatewayClient, Unreachable
from services.chassis.identity import Minter, Principal, Verifier

KEY = Ed25519PrivateKey.generate()


def _client(answer: Callable[[httpx.Request], httpx.Response]) -> GatewayClient:
    minter = Minter(issuer="orders", key=KEY)
    return GatewayClient(component="orders", url="http://gateway", minter=minter, transport=httpx.MockTransport(answer))


def test_it_calls_in_its_components_own_name() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"a": 1})

    response = _client(answer).request("POST", "/products/reservations", json={"order": "X"})
    assert response.json() == {"a": 1}
    (request,) = seen
    assert str(request.url) == "http://gateway/products/reservations"
    assert request.headers["Content-Type"] == "application/json"
    token = request.headers["Authorization"].removeprefix("Bearer ")
    verified = Verifier(audience="gateway", keys={"orders": KEY.public_key()}).verify(token)
    assert (verified.issuer, verified.principal) == ("orders", Principal("service:orders", "service"))


def test_it_sends_neither_body_nor_media_type_when_there_is_nothing_to_say() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.content == b""
        assert "Content-Type" not in request.headers
        return httpx.Response(200)

    assert _client(answer).request("POST", "/x").status_code == 200


def test_it_carries_the_trace_on() -> None:
    here = trace.continued(traceparent=None, request_id="r-1")

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["traceparent"] == here.traceparent
        assert request.headers["X-Request-Id"] == "r-1"
        return httpx.Response(200)

    token = trace.CURRENT.set(here)
    try:
        _client(answer).request("GET", "/x")
    finally:
        trace.CURRENT.reset(token)


@pytest.mark.parametrize("status", [200, 201, 401, 404, 409, 422])
def test_it_returns_answers_that_say_something(status: int) -> None:
    assert _client(lambda _: httpx.Response(status)).request("GET", "/x").status_code == status


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_answer_that_says_nothing_is_none(status: int) -> None:
    with pytest.raises(Unreachable, match=str(status)):
        _client(lambda _: httpx.Response(status)).request("GET", "/x")


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_broken_connection_is_no_answer(error: type[httpx.HTTPError]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("broken")

    with pytest.raises(Unreachable, match="GET /x"):
        _client(answer).request("GET", "/x")


def test_a_call_does_not_outlast_the_request_it_is_made_for() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    token = deadline.ENDS_AT.set(time.monotonic() + 3)
    try:
        _client(answer).request("GET", "/products")
    finally:
        deadline.ENDS_AT.reset(token)
    (request,) = seen
    assert 0 < int(request.headers[deadline.HEADER]) <= 3000
    assert 0 < request.extensions["timeout"]["read"] <= 3


def test_nobody_is_asked_once_the_time_is_over() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError("asked")

    token = deadline.ENDS_AT.set(time.monotonic() - 1)
    try:
        with pytest.raises(Unreachable):
            _client(answer).request("GET", "/products")
    finally:
        deadline.ENDS_AT.reset(token)
