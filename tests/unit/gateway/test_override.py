"""A side of a tester's own choice: signed, for a while."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.override import AUDIENCE, Overrides, mint
from gateway.routing.table import CAPABILITIES, SIDES, Capability, Side
from services.chassis.identity import Minter, Principal

KEY = Ed25519PrivateKey.generate()
NOW = 1_800_000_000.0
SIDE: dict[Capability, Side] = {"products": "service"}


def overrides(now: list[float]) -> Overrides:
    return Overrides(key=KEY.public_key(), clock=lambda: now[0])


def token(**changed: Any) -> str:
    return mint(**{"key": KEY, "by": "ops@example.com", "sides": SIDE, "lifetime": 3600, "now": NOW, **changed})


@given(st.dictionaries(st.sampled_from(CAPABILITIES), st.sampled_from(SIDES), min_size=1))
def test_it_says_what_it_was_given_for(sides: dict[Capability, Side]) -> None:
    given = token(sides=sides)
    grant = overrides([NOW]).grant(given)
    assert grant is not None
    assert (dict(grant.sides), grant.by, grant.expires_at) == (sides, "ops@example.com", NOW + 3600)
    assert overrides([NOW]).read(given) == sides


def test_it_ends_when_it_ends_however_often_it_was_read() -> None:
    now = [NOW]
    believed = overrides(now)
    given = token()
    assert believed.read(given) == SIDE
    now[0] = NOW + 3599
    assert believed.read(given) == SIDE
    now[0] = NOW + 3600
    assert believed.read(given) is None
    assert believed.grant(given) is None


def signed(key: Ed25519PrivateKey = KEY, **changed: Any) -> str:
    claims = {"iss": "gateway", "aud": AUDIENCE, "sub": "x", "sides": SIDE, "exp": int(NOW) + 60, **changed}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm="EdDSA")


def test_one_that_is_signed_right_is_believed() -> None:
    assert overrides([NOW]).read(signed()) == SIDE


@pytest.mark.parametrize(
    "forged",
    [
        None,
        "",
        "products=service",
        "a.b.c",
        "é" * 10,
        signed(Ed25519PrivateKey.generate()),
        signed(aud="gateway"),
        signed(iss="products"),
        signed(exp=None),
        signed(sub=None),
        signed(sides=None),
        signed(sides="service"),
        signed(sides={}),
        signed(sides={"products": "moon", "returns": "service"}),
        signed(padding="x" * 2000),
        jwt.encode({"iss": "gateway", "aud": AUDIENCE, "sub": "x", "sides": SIDE, "exp": int(NOW) + 60}, "", "none"),
        Minter(issuer="gateway", key=KEY, clock=lambda: NOW).mint(Principal("1", "staff"), audience="gateway"),
    ],
)
def test_whatever_else_is_as_if_nothing_had_been_sent(forged: str | None) -> None:
    believed = overrides([NOW])
    assert believed.read(forged) is None
    assert believed.grant(forged) is None


def test_a_token_that_was_tampered_with_is_not_believed() -> None:
    head, body, signature = token().split(".")
    other = token(sides={"orders": "service"}).split(".")[1]
    assert overrides([NOW]).read(f"{head}.{other}.{signature}") is None
    assert overrides([NOW]).read(f"{head}.{body}.{signature}") == SIDE
