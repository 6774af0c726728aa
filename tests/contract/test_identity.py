"""Which tokens are believed, and what becomes of those that are not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis.identity import Minter, Principal
from tests.support.shop import STAFF, Shop, customer, problem


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _audience(shop: Shop) -> str:
    return shop.orders.audience


def _expired(shop: Shop) -> str:
    return shop.token(customer(), audience=_audience(shop), lifetime=-60)


def _forged(shop: Shop) -> str:
    minter = Minter(issuer="gateway", key=Ed25519PrivateKey.generate())
    return minter.mint(Principal("c-1", "customer", frozenset({"orders"})), audience=_audience(shop))


def _for_another(shop: Shop) -> str:
    other = "legacy" if _audience(shop) != "legacy" else "orders"
    return shop.minters["gateway"].mint(Principal("c-1", "customer", frozenset({"orders"})), audience=other)


def _unsigned(shop: Shop) -> str:
    now = int(time.time())
    claims = {"iss": "gateway", "aud": _audience(shop), "sub": "c-1", "kind": "staff", "iat": now, "exp": now + 60}
    return f"{_segment({'alg': 'none', 'kid': 'gateway'})}.{_segment(claims)}."


def _symmetric(shop: Shop) -> str:
    now = int(time.time())
    claims = {"iss": "gateway", "aud": _audience(shop), "sub": "c-1", "kind": "staff", "iat": now, "exp": now + 60}
    return jwt.encode(claims, "a shared secret that nobody knows of", algorithm="HS256", headers={"kid": "gateway"})


def _tampered(shop: Shop) -> str:
    head, claims, signature = shop.token(customer(), audience=_audience(shop)).split(".")
    raised = json.loads(base64.urlsafe_b64decode(claims + "=="))
    raised["scope"] = "orders orders:operate"
    return f"{head}.{_segment(raised)}.{signature}"


BAD: list[Callable[[Shop], str]] = [_expired, _forged, _for_another, _unsigned, _symmetric, _tampered]


@pytest.mark.parametrize("make", BAD, ids=[make.__name__.strip("_") for make in BAD])
def test_a_token_that_cannot_be_believed_is_refused_even_where_none_is_needed(
    shop: Shop, make: Callable[[Shop], str]
) -> None:
    headers = {"Authorization": f"Bearer {make(shop)}"}
    for path in ("/orders", "/products"):
        response = shop.get(path, headers=headers)
        assert (response.status_code, problem(response)) == (401, "token-invalid")


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer x", "Bearer a.b.c", "Bearer é.é.é", "Basic dXNlcjpwYXNz", "Token x", "x"]
)
def test_an_authorization_that_is_no_token_is_refused(shop: Shop, value: str) -> None:
    response = shop.get("/orders", headers={"Authorization": value.encode()})
    assert (response.status_code, problem(response)) == (401, "token-invalid")


def test_the_scheme_is_read_in_any_case(shop: Shop) -> None:
    token = shop.token(customer(), audience=_audience(shop))
    assert shop.get("/orders", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_a_component_that_is_not_the_gateway_gives_out_no_identities(shop: Shop) -> None:
    """At an upstream its signature is worth nothing; at the gateway it is that service, whatever it says it is."""
    token = shop.minters["orders"].mint(
        Principal(STAFF.subject, "staff", STAFF.scopes | {"products:reserve"}), audience=_audience(shop)
    )
    response = shop.get("/orders", headers={"Authorization": f"Bearer {token}"})
    assert problem(response) in ({"token-invalid"} if shop.direct else {"token-invalid", "forbidden"})


def test_what_a_client_says_of_itself_besides_is_dropped(shop: Shop) -> None:
    headers = {"X-User": "staff", "X-Customer": "c-1", "X-Forwarded-User": "staff", "X-Scope": "orders:operate"}
    assert problem(shop.get("/orders", headers=headers)) == "unauthenticated"
