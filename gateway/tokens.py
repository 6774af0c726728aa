"""The tokens that only the gateway mints and reads. No framework here.

Beside the token for an upstream (see `services.chassis.identity`) there are two: the access token of an API client,
and the identity cookie that tells the data plane who is logged in, without a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import jwt

ACCESS_AUDIENCE: Final = "gateway"
ACCESS_LIFETIME: Final = 3600
"""Seconds."""

COOKIE: Final = "tc_identity"
COOKIE_AUDIENCE: Final = "gateway-cookie"
COOKIE_LIFETIME: Final = 15 * 60
"""Seconds. A customer who is deactivated is gone from the data plane after this at the latest."""
COOKIE_RENEWED_AFTER: Final = 5 * 60
"""Seconds of age from which pages renew the cookie."""


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a token is good, in seconds since the epoch."""

    issued_at: int
    expires_at: int


def validity(token: str) -> Validity:
    """Return the times in a token that has been verified already. Nothing is checked here."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return Validity(issued_at=int(claims["iat"]), expires_at=int(claims["exp"]))
