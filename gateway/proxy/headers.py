"""What crosses the hop and what does not (RFC 9110, 7.6). Pure: no I/O.

Headers are lists of (name, value) in bytes, request names in lower case, in the order they came, duplicates and all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.chassis.trace import Trace

Header = tuple[bytes, bytes]
Headers = list[Header]

TIMEOUT: Final = b"x-request-timeout-ms"
"""How long whoever asks is going to wait, in milliseconds: a component has no use for working longer."""

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

# What the gateway reads, and says itself where it is to be said at all. `Expect` has been met by the server.
_READ: Final = frozenset(
    {
        b"authorization",
        b"connection",
        b"content-length",
        b"cookie",
        b"expect",
        b"host",
        b"max-forwards",
        b"route-override",
        b"techcommerce-position",
        b"traceparent",
        b"tracestate",
        b"upgrade",
        b"via",
        b"x-request-id",
        TIMEOUT,
    }
)
_FORWARDED: Final = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-real-ip",
    }
)
# Names by which some proxy or framework somewhere says who is asking. An upstream must never see a client's own.
_IDENTITY: Final = re.compile(
    rb"remote-.*|x-remote-.*|"
    rb"x-(auth|authenticated|customer|identity|jwt|owner|owners|principal|role|roles|scope|scopes|service|staff|user)(-.*)?|"
    rb"x-forwarded-(access-token|client-cert|email|groups|preferred-username|user)|"
    rb"x-(ssl|client)-.*|"
    # What the gateway and the components say to each other.
    rb"(x-)?techcommerce-.*"
)
_VIA: Final = b"1.1 techcommerce-gateway"
_DIGITS: Final = re.compile(rb"[0-9]{1,9}")
_NOTHING: Final[list[bytes]] = []

# By name: None for what passes, True for what is read here, False for what is dropped.
_Fate = bool | None
_fates: dict[bytes, _Fate] = {}
_FATES_MAX: Final = 2000


@dataclass(slots=True)
class Request:
    """A client's headers, sorted once: what may pass, and what the gateway reads."""

    passed: Headers
    read: dict[bytes, list[bytes]]

    def values(self, name: bytes) -> list[bytes]:
        """Return every value of a field that the gateway reads, in order."""
        return self.read.get(name, _NOTHING)

    def single(self, name: bytes) -> str | None:
        """Return the value of a field that may come once; None when it did not, or came more than once."""
        found = self.read.get(name)
        return found[0].decode("latin-1") if found is not None and len(found) == 1 else None


def sort(headers: Sequence[Header]) -> Request:
    """Return a client's headers, names in lower case, sorted."""
    passed: Headers = []
    read: dict[bytes, list[bytes]] = {}
    for header in headers:
        name = header[0]
        try:
            fate = _fates[name]
        except KeyError:
            fate = _fate(name)
        if fate is None:
            passed.append(header)
        elif fate:
            read.setdefault(name, []).append(header[1])
    connection = read.get(b"connection")
    if connection is not None:
        named = _named(connection)
        if named:
            passed = [header for header in passed if header[0] not in named]
    return Request(passed, read)


def _fate(name: bytes) -> _Fate:
    fate: _Fate = None
    if name in _READ or name in _FORWARDED:
        fate = True
    elif name in HOP_BY_HOP or b"_" in name or _IDENTITY.fullmatch(name):
        # To WSGI an underscore is a hyphen: `x_user` would arrive as `x-user`.
        fate = False
    # Names are the clients' to choose: they must not fill the memory.
    if len(_fates) < _FATES_MAX:
        _fates[name] = fate
    return fate


def to_upstream(
    request: Request,
    *,
    host: bytes,
    cookie: bytes,
    client: str | None,
    scheme: str,
    trace: Trace,
    token: str | None,
    timeout: float,
    trust_forwarded: bool,
) -> Headers:
    """Return the headers for the upstream, all but those that frame the body.

    `client` is the peer's address, `host` the upstream's name, `cookie` what is left of the client's once our own are
    taken out, `token` the identity it shall see, `timeout` the seconds that are left. With `trust_forwarded` the peer
    is a proxy of ours, and what it says about the hops before is kept.
    """
    sent: Headers = [(b"host", host)]
    sent += request.passed
    if cookie:
        sent.append((b"cookie", cookie))
    if token is not None:
        sent.append((b"authorization", b"Bearer " + token.encode("ascii")))
    sent.append((b"traceparent", trace.traceparent.encode("ascii")))
    state = request.read.get(b"tracestate")
    if state is not None and trace.trace_id in (request.single(b"traceparent") or ""):
        # It belongs to the trace that is continued, and means nothing to a new one.
        sent += [(b"tracestate", value) for value in state]
    sent.append((b"x-request-id", trace.request_id.encode("ascii")))
    sent.append((TIMEOUT, b"%d" % (timeout * 1000)))
    via = request.read.get(b"via")
    sent.append((b"via", _VIA if via is None else b", ".join([*via, _VIA])))
    hops = request.read.get(b"max-forwards")
    if hops is not None and _DIGITS.fullmatch(hops[0]):
        sent.append((b"max-forwards", b"%d" % max(int(hops[0]) - 1, 0)))
    sent += _forwarded(request, client=client, scheme=scheme, trusted=trust_forwarded)
    return sent


_FROM_UPSTREAM: Final = HOP_BY_HOP | {b"x-request-id", b"via", b"techcommerce-epoch", b"techcommerce-position"}


def to_client(headers: Sequence[Header], *, request_id: str) -> Headers:
    """Return the headers for the client from those of an upstream, names in lower case."""
    via = _VIA
    dropped = _FROM_UPSTREAM
    passed: Headers = []
    for header in headers:
        name = header[0]
        if name not in dropped:
            passed.append(header)
        elif name == b"via":
            via = via[: -len(_VIA)] + header[1] + b", " + _VIA
        elif name == b"connection":
            named = _named([header[1]])
            if named:
                dropped = dropped | named
                passed = [kept for kept in passed if kept[0] not in named]
    passed.append((b"via", via))
    passed.append((b"x-request-id", request_id.encode("ascii")))
    return passed


def values(headers: Sequence[Header], name: bytes) -> list[bytes]:
    """Return every value under a lower-case name, in order."""
    return [value for known, value in headers if known == name]


def cookies(line: bytes, wanted: frozenset[bytes]) -> tuple[dict[bytes, str], bytes]:
    """Return the wanted cookies of a Cookie field, and the field without them. Of a repeated one the first counts."""
    found: dict[bytes, str] = {}
    rest = []
    for piece in line.split(b";"):
        pair = piece.strip()
        name, equals, value = pair.partition(b"=")
        if name.strip() not in wanted:
            if pair:
                rest.append(pair)
        elif equals:
            found.setdefault(name.strip(), value.strip().strip(b'"').decode("latin-1"))
    return found, b"; ".join(rest)


def _named(connection: Sequence[bytes]) -> frozenset[bytes]:
    """Return the fields that a side has declared to be about this hop only."""
    named = {option.strip().lower() for value in connection for option in value.split(b",")}
    # A client must not be able to take away what the gateway goes by.
    return frozenset(named) - {b"", b"close", b"content-length", b"content-type", b"host", b"keep-alive"}


_known_hops: dict[tuple[str | None, bytes, str], Headers] = {}
_HOPS_MAX: Final = 10_000


def _forwarded(request: Request, *, client: str | None, scheme: str, trusted: bool) -> Headers:
    host = request.values(b"host")
    key = (client, host[0] if host else b"", scheme)
    if not trusted:
        # The same for every request of a connection, and of most clients of a shop.
        known = _known_hops.get(key)
        if known is None:
            if len(_known_hops) >= _HOPS_MAX:
                _known_hops.clear()
            known = _known_hops[key] = _hop(Request([], {}), *key)
        return known
    return _hop(request, *key)


def _hop(before: Request, client: str | None, host: bytes, scheme: str) -> Headers:
    """Return the fields that tell of this hop, behind what is told of those before."""
    peer = (client or "unknown").encode("ascii")
    host = (before.values(b"x-forwarded-host") or [host])[0]
    proto = (before.values(b"x-forwarded-proto") or [scheme.encode("ascii")])[0]
    node = b'"[' + peer + b']"' if b":" in peer else peer
    hop = b";".join([b"for=" + node, b"host=" + _quoted(host), b"proto=" + proto])
    return [
        (b"x-forwarded-for", b", ".join([*before.values(b"x-forwarded-for"), peer])),
        (b"x-forwarded-host", host),
        (b"x-forwarded-proto", proto),
        (b"forwarded", b", ".join([*before.values(b"forwarded"), hop])),
    ]


def _quoted(value: bytes) -> bytes:
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
