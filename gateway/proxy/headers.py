"""What crosses the hop and what does not (RFC 9110, 7.6). Pure: no I/O.

Headers are lists of (name, value) in bytes, request names in lower case, in the order they came, duplicates and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from services.chassis.trace import Trace

Header = tuple[bytes, bytes]
Headers = list[Header]

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

# What the gateway says itself, once it has dropped what the client said. `Expect` has been met by the server.
_OURS: Final = frozenset(
    {b"authorization", b"cookie", b"expect", b"host", b"traceparent", b"x-request-id", b"content-length"}
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
    rb"x-(ssl|client)-.*|x-techcommerce-.*"
)
_VIA: Final = b"1.1 techcommerce-gateway"


def to_upstream(
    headers: Sequence[Header],
    *,
    host: bytes,
    client: str | None,
    scheme: str,
    trace: Trace,
    token: str | None,
    own_cookies: frozenset[bytes],
    trust_forwarded: bool,
) -> Headers:
    """Return the headers for the upstream, all but those that frame the body.

    `client` is the peer's address, `host` the upstream's name, `token` the identity it shall see. With
    `trust_forwarded` the peer is a proxy of ours, and what it says about the hops before is kept.
    """
    dropped = HOP_BY_HOP | _OURS | _named_in_connection(headers)
    passed = [
        (name, value)
        for name, value in headers
        if name not in dropped and name not in _FORWARDED and name != b"via" and not _IDENTITY.fullmatch(name)
    ]
    passed.insert(0, (b"host", host))
    for cookie in values(headers, b"cookie"):
        kept = without_cookies(cookie, own_cookies)
        if kept:
            passed.append((b"cookie", kept))
    if token is not None:
        passed.append((b"authorization", b"Bearer " + token.encode()))
    passed.append((b"traceparent", trace.traceparent.encode()))
    passed.append((b"x-request-id", trace.request_id.encode()))
    passed.append((b"via", b", ".join([*values(headers, b"via"), _VIA])))
    passed += _forwarded(headers, client=client, scheme=scheme, trusted=trust_forwarded)
    return passed


def to_client(headers: Sequence[Header], *, request_id: str) -> Headers:
    """Return the headers for the client from those of an upstream."""
    lowered = [(name.lower(), value) for name, value in headers]
    dropped = HOP_BY_HOP | _named_in_connection(lowered) | {b"x-request-id", b"via"}
    passed = [(name, value) for name, value in lowered if name not in dropped]
    passed.append((b"via", b", ".join([*values(lowered, b"via"), _VIA])))
    passed.append((b"x-request-id", request_id.encode()))
    return passed


def values(headers: Iterable[Header], name: bytes) -> list[bytes]:
    """Return every value under a lower-case name, in order."""
    return [value for known, value in headers if known == name]


def single(headers: Iterable[Header], name: bytes) -> str | None:
    """Return the value of a header that may come once; None when it did not, or came more than once."""
    found = values(headers, name)
    return found[0].decode("latin-1") if len(found) == 1 else None


def cookies(headers: Iterable[Header], wanted: frozenset[bytes]) -> dict[bytes, str]:
    """Return the wanted cookies among those sent. Of a repeated one the first counts."""
    found: dict[bytes, str] = {}
    for line in values(headers, b"cookie"):
        for pair in line.split(b";"):
            name, equals, value = pair.partition(b"=")
            name = name.strip()
            if equals and name in wanted:
                found.setdefault(name, value.strip().strip(b'"').decode("latin-1"))
    return found


def without_cookies(line: bytes, names: frozenset[bytes]) -> bytes:
    """Return a Cookie header's value without the named cookies; the others as they were."""
    pairs = [pair.strip() for pair in line.split(b";")]
    return b"; ".join(pair for pair in pairs if pair and pair.partition(b"=")[0].strip() not in names)


def _named_in_connection(headers: Iterable[Header]) -> frozenset[bytes]:
    """Return the fields that a side has declared to be about this hop only."""
    named = (option.strip().lower() for value in values(headers, b"connection") for option in value.split(b","))
    # A client must not be able to take away what the gateway goes by.
    return frozenset(named) - {b"", b"content-length", b"content-type", b"host"}


def _forwarded(headers: Sequence[Header], *, client: str | None, scheme: str, trusted: bool) -> Headers:
    peer = (client or "unknown").encode()
    host = (single(headers, b"host") or "").encode("latin-1")
    proto = scheme.encode()
    before = values(headers, b"x-forwarded-for") if trusted else []
    hops = values(headers, b"forwarded") if trusted else []
    if trusted:
        host = _first(headers, b"x-forwarded-host") or host
        proto = _first(headers, b"x-forwarded-proto") or proto
    node = b'"[' + peer + b']"' if b":" in peer else peer
    hop = b";".join([b"for=" + node, b"host=" + _quoted(host), b"proto=" + proto])
    return [
        (b"x-forwarded-for", b", ".join([*before, peer])),
        (b"x-forwarded-host", host),
        (b"x-forwarded-proto", proto),
        (b"forwarded", b", ".join([*hops, hop])),
    ]


def _first(headers: Sequence[Header], name: bytes) -> bytes | None:
    found = values(headers, name)
    return found[0] if found else None


def _quoted(value: bytes) -> bytes:
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
