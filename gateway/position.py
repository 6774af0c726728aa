"""How far a shopper's writes have come, kept with the shopper, so that no read of theirs shows less. Pure.

A component says on the answer to a write what it has reached: `orders=monolith.3.12345`, which is the capability, the
side that wrote, the epoch in which it did, and the write's number in that side's outbox. The shopper's browser keeps
that for some minutes in a cookie; API clients may keep the field and send it themselves.

It opens nothing. A false one makes a side send a read away that it could have answered, and no more.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from gateway.routing.table import CAPABILITIES, SIDES, Capability, Side

COOKIE: Final = "tc_position"
FIELD: Final = b"techcommerce-position"
LIFETIME: Final = 5 * 60
"""Seconds. A side that is further behind than this is a matter for operators."""
LONGEST: Final = 200
"""Bytes of the field. What is longer counts as not sent."""

_SIGNATURE_BYTES: Final = 16
_PURPOSE: Final = b"techcommerce position cookie"
_CAPABILITY: Final[dict[str, Capability]] = {name: name for name in CAPABILITIES}
_SIDE: Final[dict[str, Side]] = {name: name for name in SIDES}
_ONE: Final = re.compile(r"([a-z]{1,20})[=.](monolith|service)\.([0-9]{1,18})\.([0-9]{1,18})", re.ASCII)
_SHAPE: Final = re.compile(r"([a-z0-9._]{1,200})\.([A-Za-z0-9_-]{22})", re.ASCII)


class Position(NamedTuple):
    """What the writes to one capability have reached."""

    side: Side
    epoch: int
    sequence: int


Positions = Mapping[Capability, Position]
NOWHERE: Final[Positions] = {}


def read(values: Sequence[bytes]) -> Positions:
    """Return what a field says, by capability. Whatever in it cannot be read counts as not said."""
    line = values[0] if len(values) == 1 else b",".join(values)
    if len(line) > LONGEST:
        return NOWHERE
    return _read(line.decode("latin-1").split(","))


def written(positions: Positions) -> bytes:
    """Return the field that says so."""
    return b", ".join(_said(name, positions[name]) for name in CAPABILITIES if name in positions)


def merged(known: Positions, later: Positions) -> Positions:
    """Return the two as one: for each capability the later, unless it is from before the other.

    What two sides have reached cannot be compared: the last write counts. Nor can the epochs of one side's writes, as
    staff write to many buckets, each with an epoch of its own; a side numbers all its writes in one row.
    """
    both = {**known}
    for name, said in later.items():
        there = both.get(name)
        if there is None or there.side != said.side or there.sequence < said.sequence:
            both[name] = said
    return both


def asked_for(capability: Capability, *, kept: Positions, said: Sequence[bytes]) -> bytes | None:
    """Return the field for a read of the capability: from what a cookie kept and what the client says itself."""
    positions = merged(kept, read(said)) if said else kept
    at = positions.get(capability)
    return None if at is None else _said(capability, at)


class PositionCookies:
    """Issues and reads the cookie's value: `orders.monolith.3.12345_products.service.2.77`, a dot, a signature.

    The signature is half an HMAC-SHA256, its key HMAC-SHA256(secret, "techcommerce position cookie"), so that no other
    use of the secret can be turned into one.
    """

    def __init__(self, *, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    def issue(self, positions: Positions) -> str:
        """Return the cookie value that keeps the positions."""
        text = written(positions).decode("ascii").replace("=", ".").replace(", ", "_")
        return f"{text}.{self._signature(text)}"

    def read(self, value: str | None) -> Positions | None:
        """Return the positions in a cookie's value; None unless it was issued here."""
        parts = _SHAPE.fullmatch(value) if value else None
        if parts is None or not hmac.compare_digest(parts[2], self._signature(parts[1])):
            return None
        return _read(parts[1].split("_"))

    def set_cookie_header(self, value: str, *, secure: bool) -> bytes:
        """Return the value of the `Set-Cookie` field that gives a browser the cookie."""
        line = f"{COOKIE}={value}; Path=/; Max-Age={LIFETIME}; HttpOnly; SameSite=Lax"
        return (line + "; Secure" if secure else line).encode()

    def _signature(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode(), "sha256")
        return urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).rstrip(b"=").decode()


def _said(capability: Capability, at: Position) -> bytes:
    return f"{capability}={at.side}.{at.epoch}.{at.sequence}".encode("ascii")


def _read(parts: Sequence[str]) -> Positions:
    found = NOWHERE
    for part in parts:
        one = _ONE.fullmatch(part.strip(" \t"))
        if one is not None and one[1] in _CAPABILITY:
            at = Position(_SIDE[one[2]], int(one[3]), int(one[4]))
            found = merged(found, {_CAPABILITY[one[1]]: at})
    return found
