"""A tester's override: reads of some capabilities go to a side of the tester's choice. No framework here.

Operators are given a signed token in the admin; it travels as a cookie or as a header. Whatever is not signed counts
as not sent. It moves reads only, of whoever shows it; so a token that got away can do no more than show the same
catalogue from elsewhere, for some hours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from gateway.proxy.cache import ExpiringCache
from gateway.routing.table import CAPABILITIES, SIDES, Capability, Side

COOKIE: Final = "tc_route"
HEADER: Final = "Route-Override"
AUDIENCE: Final = "gateway-override"

_ISSUER: Final = "gateway"
_LONGEST: Final = 1024
_CACHE_SIZE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A believed override."""

    sides: Mapping[Capability, Side]
    by: str
    """Who it was given to."""
    expires_at: int
    """Seconds since the epoch."""


def mint(*, key: Ed25519PrivateKey, by: str, sides: Mapping[Capability, Side], lifetime: int, now: float) -> str:
    """Return a token that sends reads to the sides, for `lifetime` seconds from now."""
    claims = {
        "iss": _ISSUER,
        "aud": AUDIENCE,
        "sub": by,
        "sides": dict(sides),
        "iat": int(now),
        "exp": int(now) + lifetime,
    }
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": _ISSUER})


def private_key(path: Path) -> Ed25519PrivateKey:
    """Return the gateway's signing key from a PEM file."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} does not hold an Ed25519 key")
    return key


class Overrides:
    """Believes overrides. `read` remembers them, and is for one thread; `grant` is for any."""

    def __init__(self, *, key: Ed25519PublicKey, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock
        self._read: ExpiringCache[str, Mapping[Capability, Side]] = ExpiringCache(size=_CACHE_SIZE, clock=clock)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return overrides believed by the gateway's public key in a JSON file `{issuer: PEM}`."""
        key = load_pem_public_key(json.loads(path.read_text())[_ISSUER].encode())
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError(f"{path}: the gateway's key is not Ed25519")
        return cls(key=key)

    def read(self, token: str | None) -> Mapping[Capability, Side] | None:
        """Return the sides that a token asks for; None where there is none to be believed."""
        if not token:
            return None
        known = self._read.get(token)
        if known is not None:
            return known[0]
        grant = self.grant(token)
        if grant is None:
            return None
        self._read.put(token, grant.sides, expires_at=grant.expires_at)
        return grant.sides

    def grant(self, token: str | None) -> Grant | None:
        """Return all that a token says; None unless every part of it can be believed now."""
        if not token or len(token) > _LONGEST:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=_ISSUER,
                # By the clock given, below.
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False},
            )
            expires_at, said = int(claims["exp"]), dict(claims["sides"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            return None
        sides: dict[Capability, Side] = {}
        for capability in CAPABILITIES:
            for side in SIDES:
                if said.get(capability) == side:
                    sides[capability] = side
        if expires_at <= self._clock() or not sides:
            return None
        return Grant(sides=MappingProxyType(sides), by=str(claims["sub"]), expires_at=expires_at)
