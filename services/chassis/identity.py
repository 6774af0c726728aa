"""Who is asking: short-lived Ed25519 tokens between the gateway and the components. No framework here.

    TokenError            a token that must not be believed

The gateway mints a token for the upstream of each request; components mint tokens of their own to call the gateway.
Claims and scopes are stated in `docs/contract.md`, "Identity".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

Kind = Literal["customer", "staff", "service"]
Owner = Literal["monolith", "service"]

LIFETIME: Final = 60
"""Seconds a token between components is good for."""
LEEWAY: Final = 5
"""Seconds that two machines' clocks may differ."""


class TokenError(Exception):
    """A token that is expired, forged, malformed or meant for another."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request acts for."""

    subject: str
    kind: Kind
    scopes: frozenset[str] = frozenset()
    owners: Mapping[str, Owner] = field(default_factory=dict)
    """Who owns each capability for this request, as the gateway said."""

    def may(self, scope: str) -> bool:
        return scope in self.scopes


class Minter:
    """Signs tokens in the name of one component."""

    def __init__(self, *, issuer: str, key: Ed25519PrivateKey, clock: Callable[[], float] = time.time) -> None:
        self._issuer = issuer
        self._key = key
        self._clock = clock

    @classmethod
    def from_file(cls, *, issuer: str, path: Path) -> Minter:
        """Return a minter with the private key in a PEM file."""
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{path} does not hold an Ed25519 key")
        return cls(issuer=issuer, key=key)

    def mint(self, principal: Principal, *, audience: str, lifetime: int = LIFETIME) -> str:
        """Return a token for the audience that is good for `lifetime` seconds from now."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": principal.subject,
            "kind": principal.kind,
            "scope": " ".join(sorted(principal.scopes)),
            "iat": now,
            "exp": now + lifetime,
        }
        if principal.owners:
            claims["owners"] = dict(principal.owners)
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._issuer})


@dataclass(frozen=True, slots=True)
class Verified:
    """A believed token: who signed it, and for whom."""

    issuer: str
    principal: Principal


class Verifier:
    """Believes tokens that were signed by one of some issuers for one audience."""

    def __init__(self, *, audience: str, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._audience = audience
        self._keys = dict(keys)

    @classmethod
    def from_file(cls, *, audience: str, path: Path, issuers: frozenset[str]) -> Verifier:
        """Return a verifier with the public keys in a JSON file `{issuer: PEM}`, of the named issuers only."""
        pems: dict[str, str] = json.loads(path.read_text())
        keys = {}
        for issuer in issuers:
            key = load_pem_public_key(pems[issuer].encode())
            if not isinstance(key, Ed25519PublicKey):
                raise TypeError(f"{path}: the key of {issuer} is not Ed25519")
            keys[issuer] = key
        return cls(audience=audience, keys=keys)

    def verify(self, token: str) -> Verified:
        """Return what the token says; TokenError unless every part of it can be believed."""
        try:
            issuer = str(jwt.get_unverified_header(token).get("kid"))
            claims = jwt.decode(
                token,
                self._keys[issuer],
                algorithms=["EdDSA"],
                audience=self._audience,
                issuer=issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
            kind = claims["kind"]
            if kind not in {"customer", "staff", "service"}:
                raise TokenError("unknown kind")
            owners = claims.get("owners", {})
            if not isinstance(owners, dict):
                raise TokenError("owners is not an object")
            principal = Principal(
                subject=str(claims["sub"]),
                kind=cast(Kind, kind),
                scopes=frozenset(str(claims.get("scope", "")).split()),
                owners=owners,
            )
        except (jwt.PyJWTError, KeyError, ValueError, UnicodeError) as error:
            raise TokenError(type(error).__name__) from error
        return Verified(issuer=issuer, principal=principal)


def bearer(authorization: str | None) -> str | None:
    """Return the token of an `Authorization` header, None where there is no header; TokenError for an odd one."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenError("not a bearer token")
    return token.strip()
