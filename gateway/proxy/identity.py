"""Who a request acts for, and the token that tells the upstream so. No ORM: sessions are looked up by a function given.

problems.Problem      `token-invalid`, `forbidden` (another site's form or script)
SessionsAway          a session would have to be looked up, and cannot be
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from gateway import tokens
from gateway.override import Overrides
from gateway.position import NOWHERE, PositionCookies, Positions
from gateway.proxy import headers as fields
from gateway.proxy.cache import ExpiringCache
from gateway.proxy.decision import SAFE_METHODS, Upstream
from gateway.routing.table import Capability, Side
from gateway.visitor import Visitors
from services.chassis.identity import LEEWAY, Minter, Owner, Principal, TokenError, Verifier, bearer
from services.chassis.problems import Problem

SERVICE_SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "orders": frozenset({"products:reserve"}),
    "legacy": frozenset({"products:reserve", "orders:settle"}),
    "products": frozenset({"orders:settle"}),
}
"""What each component may do: said here, not in the tokens that they mint for themselves."""
ISSUERS: Final = frozenset({"gateway", *SERVICE_SCOPES})

_SESSION_KEY: Final = re.compile(r"[a-z0-9]{8,40}", re.ASCII)
_SESSION_SECONDS: Final = 5.0
_MINTED_SECONDS: Final = 30.0
_CACHE_SIZE: Final = 10_000

_NO_COOKIES: Final[tuple[dict[bytes, str], bytes]] = ({}, b"")

LookUp = Callable[[str], Awaitable[Principal | None]]
"""From a session's key to who is logged in under it; SessionsAway when nobody can tell."""


class SessionsAway(Exception):
    """Sessions cannot be looked up at the moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """The names of the cookies that are the gateway's own. None of them reaches a component."""

    identity: bytes
    session: bytes
    visitor: bytes
    override: bytes
    position: bytes
    others: frozenset[bytes] = frozenset()

    @property
    def names(self) -> frozenset[bytes]:
        return frozenset({self.identity, self.session, self.visitor, self.override, self.position}) | self.others


class Asker(NamedTuple):
    """Who a request acts for, and what else its cookies say."""

    principal: Principal | None
    visitor: str | None
    """The visitor's id; None without a cookie that can be believed."""
    override: Mapping[Capability, Side] | None
    """A tester's."""
    cookie: bytes
    """The client's Cookie field without our own cookies."""
    positions: Positions
    """What the shopper's writes have reached, as far as the cookie has kept it."""


class Resolver:
    """Finds out who a request acts for. Verified tokens and looked up sessions are remembered for a while."""

    def __init__(
        self,
        *,
        bearer_tokens: Verifier,
        cookie_tokens: Verifier,
        cookies: Cookies,
        visitors: Visitors,
        positions: PositionCookies,
        overrides: Overrides,
        look_up_session: LookUp,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bearer_tokens = bearer_tokens
        self._cookie_tokens = cookie_tokens
        self._cookies = cookies
        self._own = cookies.names
        self._visitors = visitors
        self._positions = positions
        self._overrides = overrides
        self._lines: dict[bytes, tuple[dict[bytes, str], bytes]] = {}
        self._visitors_known: dict[str, str] = {}
        self._positions_known: dict[str, Positions] = {}
        self._look_up_session = look_up_session
        self._clock = clock
        self._bearers: ExpiringCache[str, Principal] = ExpiringCache(size=_CACHE_SIZE, clock=clock)
        self._identities: ExpiringCache[str, Principal] = ExpiringCache(size=_CACHE_SIZE, clock=clock)
        self._sessions: ExpiringCache[str, Principal | None] = ExpiringCache(size=_CACHE_SIZE, clock=clock)

    async def resolve(self, method: str, request: fields.Request, *, anyone: bool = False) -> Asker:
        """Return who is asking; Problem where that must not be believed.

        With `anyone`, where it makes no difference who asks, sessions that cannot be looked up are no obstacle.
        """
        read = request.read
        lines = read.get(b"cookie")
        own, rest = _NO_COOKIES if lines is None else self._cookies_in(lines)
        override = read.get(b"route-override")
        token = override[0].decode("latin-1") if override else own.get(self._cookies.override)
        sides = self._overrides.read(token) if token else None
        visitor, positions = None, NOWHERE
        if own:
            visitor = self._visitor(own.get(self._cookies.visitor))
            kept = own.get(self._cookies.position)
            if kept is not None:
                positions = self._position(kept)
        authorizations = read.get(b"authorization")
        principal: Principal | None = None
        if authorizations is not None:
            principal = self._from_bearer(authorizations)
        elif own:
            principal = self._from_cookie(own.get(self._cookies.identity))
            if principal is None:
                try:
                    principal = await self._from_session(own.get(self._cookies.session))
                except SessionsAway:
                    if not anyone:
                        raise
            if principal is not None and method not in SAFE_METHODS and not same_origin(request):
                raise Problem("forbidden", detail="The shop's cookies are only good for requests from its own pages.")
        return Asker(principal, visitor, sides, rest, positions)

    def _cookies_in(self, lines: Sequence[bytes]) -> tuple[dict[bytes, str], bytes]:
        line = lines[0] if len(lines) == 1 else b"; ".join(lines)
        known = self._lines.get(line)
        if known is None:
            if len(self._lines) >= _CACHE_SIZE:
                self._lines.clear()
            known = self._lines[line] = fields.cookies(line, self._own)
        return known

    def _visitor(self, value: str | None) -> str | None:
        if value is None:
            return None
        known = self._visitors_known.get(value)
        if known is None:
            known = self._visitors.read(value)
            if known is None:
                return None
            if len(self._visitors_known) >= _CACHE_SIZE:
                self._visitors_known.clear()
            self._visitors_known[value] = known
        return known

    def _position(self, value: str) -> Positions:
        known = self._positions_known.get(value)
        if known is None:
            known = self._positions.read(value)
            if known is None:
                return NOWHERE
            if len(self._positions_known) >= _CACHE_SIZE:
                self._positions_known.clear()
            self._positions_known[value] = known
        return known

    def _from_bearer(self, authorizations: Sequence[bytes]) -> Principal:
        try:
            if len(authorizations) != 1:
                raise TokenError("more than one Authorization")
            token = bearer(authorizations[0].decode("latin-1")) or ""
            known = self._bearers.get(token)
            if known is not None:
                return known[0]
            verified = self._bearer_tokens.verify(token)
            principal = _as_registered(verified.issuer, verified.principal)
        except TokenError:
            raise Problem("token-invalid") from None
        self._bearers.put(token, principal, expires_at=tokens.validity(token).expires_at + LEEWAY)
        return principal

    def _from_cookie(self, token: str | None) -> Principal | None:
        if token is None:
            return None
        known = self._identities.get(token)
        if known is not None:
            return known[0]
        try:
            principal = self._cookie_tokens.verify(token).principal
        except TokenError:
            return None
        self._identities.put(token, principal, expires_at=tokens.validity(token).expires_at + LEEWAY)
        return principal

    async def _from_session(self, key: str | None) -> Principal | None:
        if key is None or not _SESSION_KEY.fullmatch(key):
            return None
        known = self._sessions.get(key)
        if known is not None:
            return known[0]
        principal = await self._look_up_session(key)
        self._sessions.put(key, principal, expires_at=self._clock() + _SESSION_SECONDS)
        return principal


def _as_registered(issuer: str, said: Principal) -> Principal:
    """Return the identity behind a believed token: what a service may do is the gateway's to say."""
    if issuer == "gateway":
        if said.kind == "service":
            raise TokenError("the gateway is no service to itself")
        return Principal(subject=said.subject, kind=said.kind, scopes=said.scopes)
    if said.kind != "service":
        raise TokenError("components speak for themselves only")
    return Principal(subject=f"service:{issuer}", kind="service", scopes=SERVICE_SCOPES[issuer])


def same_origin(request: fields.Request) -> bool:
    """Tell whether a browser vouches that the request comes from this site's own pages; not when it says nothing."""
    site = [value for name, value in request.passed if name == b"sec-fetch-site"]
    if site:
        return site in ([b"same-origin"], [b"none"])
    origins = [value.decode("latin-1") for name, value in request.passed if name == b"origin"]
    origin, host = origins[0] if len(origins) == 1 else None, request.single(b"host")
    if not origin or not host:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()


class UpstreamTokens:
    """Mints what upstreams see. A signature takes longer than the rest of a request, so tokens serve several."""

    def __init__(self, *, minter: Minter, clock: Callable[[], float] = time.time) -> None:
        self._minter = minter
        self._clock = clock
        self._minted: ExpiringCache[tuple[object, ...], str] = ExpiringCache(size=_CACHE_SIZE, clock=clock)

    def token(self, principal: Principal, *, audience: Upstream, owners: Mapping[Capability, Side]) -> str:
        """Return a token for the upstream that is good for half a minute at least."""
        key = (principal.subject, principal.kind, principal.scopes, audience, owners["products"], owners["orders"])
        known = self._minted.get(key)
        if known is not None:
            return known[0]
        told = Principal(subject=principal.subject, kind=principal.kind, scopes=principal.scopes, owners=_told(owners))
        token = self._minter.mint(told, audience=audience)
        self._minted.put(key, token, expires_at=self._clock() + _MINTED_SECONDS)
        return token


def _told(owners: Mapping[Capability, Side]) -> dict[str, Owner]:
    return {str(capability): side for capability, side in owners.items()}
