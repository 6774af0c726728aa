"""The visitor cookie: who an anonymous browser is, so that what is shared out by buckets stays with it. No framework.

Says nothing about a person and opens nothing. It is signed so that nobody chooses their own bucket.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final

COOKIE: Final = "tc_visitor"
LIFETIME: Final = 365 * 24 * 3600
"""Seconds."""

_ID_BYTES: Final = 12
_SIGNATURE_BYTES: Final = 16
_SHAPE: Final = re.compile(r"([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22})", re.ASCII)
_PURPOSE: Final = b"techcommerce visitor cookie"


class Visitors:
    """Issues and reads the cookie's value: 16 URL-safe characters of randomness, a dot, half an HMAC-SHA256 of them.

    The HMAC's key is itself HMAC-SHA256(secret, "techcommerce visitor cookie"), so that no other use of the secret
    can be turned into a signature here.
    """

    def __init__(self, *, secret: str, random: Callable[[int], str] = secrets.token_urlsafe) -> None:
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")
        self._random = random

    def issue(self) -> tuple[str, str]:
        """Return a new visitor's id, and the cookie value that proves it."""
        visitor = self._random(_ID_BYTES)
        return visitor, f"{visitor}.{self._signature(visitor)}"

    def read(self, value: str | None) -> str | None:
        """Return the id in a cookie's value; None unless it was issued here."""
        parts = _SHAPE.fullmatch(value) if value else None
        if parts is None or not hmac.compare_digest(parts[2], self._signature(parts[1])):
            return None
        return parts[1]

    def set_cookie_header(self, value: str, *, secure: bool) -> bytes:
        """Return the value of the `Set-Cookie` field that gives a browser the cookie."""
        line = f"{COOKIE}={value}; Path=/; Max-Age={LIFETIME}; HttpOnly; SameSite=Lax"
        return (line + "; Secure" if secure else line).encode()

    def _signature(self, visitor: str) -> str:
        digest = hmac.digest(self._key, visitor.encode(), "sha256")
        return urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).rstrip(b"=").decode()
