"""Requests that are served, and exactly what of them reaches the upstream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tests.wire.build import HOST, PATH, chunked, get, lines, post
from tests.wire.strict import Field

After = Literal["open", "closed", "either"]

JSON: Final = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What is sent, and what the upstream has to receive: beside it only what is the gateway's own to say."""

    name: str
    sent: bytes
    why: str
    method: bytes = b"GET"
    target: bytes = PATH
    passed: tuple[Field, ...] = ()
    body: bytes = b""
    after: After = "open"
    """The client's connection afterwards."""


def _field(name: str, sent: tuple[bytes, ...], passed: tuple[Field, ...], why: str) -> Forwarded:
    return Forwarded(name, get(*sent), why, passed=passed)


def _posted(name: str, sent: bytes, why: str, body: bytes = b"hello", **more: object) -> Forwarded:
    passed = more.pop("passed", (JSON,))
    return Forwarded(name, sent, why, method=b"POST", target=b"/orders", passed=passed, body=body, **more)  # type: ignore[arg-type]


_TARGETS: Final = tuple(
    Forwarded(f"leaves {name} as it is", get(target=target), "9110 7.7", target=target)
    for name, target in (
        ("a plain path", PATH),
        ("an escaped slash", b"/products/a%2Fb"),
        ("a small escaped slash", b"/products/a%2fb"),
        ("escaped dots", b"/products/%2e%2e/admin"),
        ("dots", b"/products/../admin"),
        ("a single dot", b"/products/./KETTLE"),
        ("slashes in a row", b"/products//KETTLE///"),
        ("a trailing slash", b"/products/"),
        ("parameters of a segment", b"/products/KETTLE;v=1;w"),
        ("escaped UTF-8", b"/products/%C3%A4%e2%82%ac"),
        ("escaped octets that are no UTF-8", b"/products/%ff%fe"),
        ("an escaped percent sign", b"/products/%2525"),
        ("an escape that is none", b"/products/100%"),
        ("an escaped NUL", b"/products/a%00b"),
        ("an escaped line end", b"/products/a%0d%0aX-Injected:%201"),
        ("an escaped letter", b"/products/%4BETTLE"),
        ("marks that need no escape", b"/products/-._~!$&'()*+,=:@"),
        ("a backslash", b"/products/a\\b"),
        ("a query", b"/products?search=lamp&page=2"),
        ("empty values", b"/products?a=&b&=c"),
        ("ampersands in a row", b"/products?a=1&&b=2&"),
        ("a plus sign", b"/products?search=a+b"),
        ("escapes of a query", b"/products?search=%20%2B%26%3d"),
        ("quotes and brackets", b'/products?a="b"&c[]=<d>&e={f}|g^h`i'),
        ("a question mark in a query", b"/products?a=?b?"),
        ("a slash in a query", b"/products?next=/products//x/../y"),
        ("a target in a query", b"/products?next=http://other.example/"),
        ("names that repeat", b"/products?sku=B&sku=A&sku=B"),
        ("a semicolon in a query", b"/products?a=1;b=2"),
        ("a target of eight thousand octets", b"/products?search=" + b"x" * 7983),
    )
)

_FORMS: Final = (
    Forwarded(
        "forwards an absolute target in origin form",
        get(target=b"http://shop.example/products?page=2"),
        "9112 3.2.2",
        target=b"/products?page=2",
    ),
    Forwarded(
        "compares hosts of an absolute target in any letters",
        get(target=b"http://SHOP.example/products"),
        "9110 4.2.3",
        target=b"/products",
    ),
    Forwarded(
        "keeps the path of an absolute target",
        get(target=b"http://shop.example/products//a%2Fb;c"),
        "9112 3.2.2",
        target=b"/products//a%2Fb;c",
    ),
    Forwarded("ignores an empty line before a request", b"\r\n" + get(), "9112 2.2"),
    Forwarded("serves a host with a port", lines(b"GET %b HTTP/1.1" % PATH, b"Host: shop.example:3000"), "9112 3.2"),
    Forwarded(
        "serves a host that is an IPv6 address", lines(b"GET %b HTTP/1.1" % PATH, b"Host: [::1]:3000"), "9112 3.2"
    ),
    Forwarded(
        "serves a host that is an IPv4 address", lines(b"GET %b HTTP/1.1" % PATH, b"Host: 127.0.0.1"), "9112 3.2"
    ),
    Forwarded(
        "serves a Host that comes last",
        lines(b"GET %b HTTP/1.1" % PATH, b"X-A: 1", HOST),
        "9112 3.2",
        passed=((b"x-a", b"1"),),
    ),
    Forwarded("serves HTTP/1.0 and closes", lines(b"GET %b HTTP/1.0" % PATH, HOST), "9112 9.3", after="closed"),
    Forwarded("serves HTTP/1.0 without a Host", lines(b"GET %b HTTP/1.0" % PATH), "9112 3.2", after="closed"),
    Forwarded(
        "serves HTTP/1.0 that asks to be kept",
        lines(b"GET %b HTTP/1.0" % PATH, HOST, b"Connection: keep-alive"),
        "9112 9.3",
        after="either",
    ),
    Forwarded("closes where the client says close", get(b"Connection: close"), "9112 9.6", after="closed"),
    Forwarded("closes where the client says Close", get(b"Connection: Close"), "9112 9.6", after="closed"),
    Forwarded(
        "closes where close is one of several options", get(b"Connection: X-A, close"), "9112 9.6", after="closed"
    ),
    Forwarded("keeps a connection that is asked to be kept", get(b"Connection: keep-alive"), "9112 9.3"),
    Forwarded("forwards OPTIONS", get(method=b"OPTIONS"), "9110 9.3.7", method=b"OPTIONS"),
    Forwarded("forwards DELETE", get(method=b"DELETE"), "9110 9.3.5", method=b"DELETE"),
    Forwarded("forwards PUT without a body", get(b"Content-Length: 0", method=b"PUT"), "9110 9.3.4", method=b"PUT"),
    Forwarded("forwards a method it has never heard of", get(method=b"BREW"), "9110 9.1", method=b"BREW"),
)

_FIELDS: Final = (
    _field(
        "keeps the order of fields",
        (b"X-B: 1", b"X-A: 2", b"X-C: 3"),
        ((b"x-b", b"1"), (b"x-a", b"2"), (b"x-c", b"3")),
        "9110 5.3",
    ),
    _field(
        "keeps fields that repeat",
        (b"X-A: 1", b"X-B: 2", b"x-a: 3", b"X-A: 1"),
        ((b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3"), (b"x-a", b"1")),
        "9110 5.2",
    ),
    _field("keeps the spacing inside a value", (b"X-A: a  b\t c",), ((b"x-a", b"a  b\t c"),), "9110 5.5"),
    _field("trims white space around a value", (b"X-A: \t a b \t ",), ((b"x-a", b"a b"),), "9112 5.1"),
    _field("takes a value without a space before it", (b"X-A:1",), ((b"x-a", b"1"),), "9112 5.1"),
    _field("keeps an empty value", (b"X-A:", b"X-B: "), ((b"x-a", b""), (b"x-b", b"")), "9110 5.5"),
    _field(
        "keeps octets above ASCII in a value", (b"X-A: k\xc3\xa4se \xff",), ((b"x-a", b"k\xc3\xa4se \xff"),), "9110 5.5"
    ),
    _field(
        "keeps colons, quotes and commas in a value",
        (b'X-A: "a:b", c="d\\"e"',),
        ((b"x-a", b'"a:b", c="d\\"e"'),),
        "9110 5.6.4",
    ),
    _field(
        "takes every mark that a name may have", (b"X!#$%&'*+-.^`|~: 1",), ((b"x!#$%&'*+-.^`|~", b"1"),), "9110 5.6.2"
    ),
    _field(
        "keeps what clients negotiate with",
        (
            b"Accept: text/html;q=0.5",
            b"Accept-Encoding: br",
            b"Accept-Language: de",
            b'If-None-Match: "a"',
            b"Range: bytes=0-1",
        ),
        (
            (b"accept", b"text/html;q=0.5"),
            (b"accept-encoding", b"br"),
            (b"accept-language", b"de"),
            (b"if-none-match", b'"a"'),
            (b"range", b"bytes=0-1"),
        ),
        "9110 12.1",
    ),
    _field(
        "carries sixty fields",
        tuple(b"X-%d: %d" % (n, n) for n in range(60)),
        tuple((b"x-%d" % n, b"%d" % n) for n in range(60)),
        "9110 5.4",
    ),
    _field("carries a field of four thousand octets", (b"X-A: " + b"x" * 4000,), ((b"x-a", b"x" * 4000),), "9110 5.4"),
    _field(
        "passes cookies of others on", (b"Cookie: theme=dark; a=b",), ((b"cookie", b"theme=dark; a=b"),), "6265 4.2"
    ),
    _field(
        "keeps the shop's own cookies to itself",
        (b"Cookie: theme=dark; tc_session=abc; tc_csrf=def",),
        ((b"cookie", b"theme=dark"),),
        "9110 7.7",
    ),
)

_HOP: Final = (
    _field(
        "drops a field named in Connection",
        (b"Connection: X-Foo", b"X-Foo: 1", b"X-Bar: 2"),
        ((b"x-bar", b"2"),),
        "9110 7.6.1",
    ),
    _field("drops a field named in Connection in other letters", (b"Connection: x-FOO", b"X-Foo: 1"), (), "9110 7.6.1"),
    _field(
        "drops fields named in several Connection fields",
        (b"Connection: X-Foo", b"Connection: X-Bar", b"X-Foo: 1", b"X-Bar: 2"),
        (),
        "9110 7.6.1",
    ),
    _field(
        "drops every field of a list in Connection",
        (b"Connection: X-Foo ,,\tX-Bar , keep-alive", b"X-Foo: 1", b"X-Bar: 2"),
        (),
        "9110 7.6.1",
    ),
    _field(
        "drops a field that comes before the Connection that names it",
        (b"X-Foo: 1", b"Connection: X-Foo"),
        (),
        "9110 7.6.1",
    ),
    _field(
        "drops each of the fields that a name in Connection means",
        (b"X-Foo: 1", b"Connection: X-Foo", b"X-Foo: 2"),
        (),
        "9110 7.6.1",
    ),
    _field("drops Keep-Alive", (b"Keep-Alive: timeout=5",), (), "9110 7.6.1"),
    _field("drops Proxy-Connection", (b"Proxy-Connection: keep-alive",), (), "9110 7.6.1"),
    _field("drops Proxy-Authorization", (b"Proxy-Authorization: Basic eA==",), (), "9110 11.7.2"),
    _field("drops Proxy-Authenticate", (b"Proxy-Authenticate: Basic",), (), "9110 11.7.1"),
    _field("drops TE", (b"TE: trailers", b"Connection: TE"), (), "9110 10.1.4"),
    _field("drops TE that no Connection names", (b"TE: trailers, deflate;q=0.5",), (), "9110 10.1.4"),
    _field("drops Trailer", (b"Trailer: X-Sum",), (), "9110 6.6.2"),
    _field(
        "drops an upgrade to what it does not speak",
        (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
        (),
        "9110 7.8",
    ),
    _field("drops Upgrade that no Connection names", (b"Upgrade: h2c",), (), "9110 7.8"),
    _field("does not let Connection take away Host", (b"Connection: Host",), (), "9110 7.6.1"),
    _field(
        "does not let Connection take away what tells of hops",
        (b"Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Forwarded, Via",),
        (),
        "9110 7.6.1",
    ),
    _field(
        "does not let Connection take away what traces", (b"Connection: traceparent, X-Request-Id",), (), "9110 7.6.1"
    ),
)

_IDENTITY: Final = tuple(
    _field(f"never passes {name.decode()} on", (name + b": alice",), (), "whoever asks does not say who asks")
    for name in (
        b"Remote-User",
        b"X-Remote-User",
        b"X-Auth-User",
        b"X-User",
        b"X-User-Id",
        b"X-Customer",
        b"X-Role",
        b"X-Scope",
        b"X-Staff",
        b"X-Service",
        b"X-Forwarded-User",
        b"X-Forwarded-Email",
        b"X-SSL-Client-Verify",
        b"X-Client-IP",
        b"X-Real-IP",
        b"X-Forwarded-Port",
        b"X-Forwarded-Prefix",
        b"X-TechCommerce-Owner",
        # A server that speaks WSGI has one name for these and for those with hyphens.
        b"X_Remote_User",
        b"X_Auth-User",
        b"X_Forwarded_For",
    )
)

_BODIES: Final = (
    _posted("forwards a body with its length", post(b"Content-Length: 5", body=b"hello"), "9112 6.2"),
    _posted("forwards a length with noughts before it", post(b"Content-Length: 005", body=b"hello"), "9110 8.6"),
    _posted("trims white space around a length", post(b"Content-Length: \t5\t ", body=b"hello"), "9110 5.5"),
    _posted("forwards a length of nothing", post(b"Content-Length: 0"), "9112 6.2", b""),
    _posted("says that POST without a body has none", post(), "9110 8.6", b""),
    _posted(
        "forwards octets of every kind",
        post(b"Content-Length: 256", body=bytes(range(256))),
        "9110 6.4",
        bytes(range(256)),
    ),
    _posted(
        "forwards a body that looks like a request",
        post(b"Content-Length: %d" % len(get()), body=get()),
        "9112 6.3",
        get(),
    ),
    _posted("forwards a chunked body with a length", chunked(body=b"5\r\nhello\r\n0\r\n\r\n"), "9112 7.1"),
    _posted("forwards chunks as one body", chunked(body=b"1\r\nh\r\n3\r\nell\r\n1\r\no\r\n0\r\n\r\n"), "9112 7.1"),
    _posted("takes chunk sizes in capitals", chunked(body=b"A\r\nhellohello\r\n0\r\n\r\n"), "9112 7.1", b"hellohello"),
    _posted("takes chunk sizes with noughts before them", chunked(body=b"0005\r\nhello\r\n000\r\n\r\n"), "9112 7.1"),
    _posted("drops chunk extensions", chunked(body=b"5;a=b;c\r\nhello\r\n0;last\r\n\r\n"), "9112 7.1.1"),
    _posted("drops quoted chunk extensions", chunked(body=b'5;a="b;c d"\r\nhello\r\n0\r\n\r\n'), "9112 7.1.1"),
    _posted("drops trailers", chunked(b"Trailer: X-Sum", body=b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), "9110 6.5.1"),
    _posted(
        "drops trailers that would frame, route or name somebody",
        chunked(
            body=b"5\r\nhello\r\n0\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n"
            b"Host: other.example\r\nAuthorization: Bearer x\r\nX-User: alice\r\n\r\n"
        ),
        "9110 6.5.1",
    ),
    _posted("forwards a chunked body of nothing", chunked(body=b"0\r\n\r\n"), "9112 7.1", b""),
    _posted(
        "takes chunked in any letters",
        post(b"Transfer-Encoding: cHuNkEd", body=b"5\r\nhello\r\n0\r\n\r\n"),
        "9110 10.1.4",
    ),
    _posted(
        "trims white space around chunked",
        post(b"Transfer-Encoding: \t chunked \t", body=b"5\r\nhello\r\n0\r\n\r\n"),
        "9112 5.1",
    ),
    _posted(
        "forwards chunks that look like a request",
        chunked(body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(get()), get())),
        "9112 7.1",
        get(),
    ),
    _posted(
        "does not let Connection take away the length",
        post(b"Connection: Content-Length", b"Content-Length: 5", body=b"hello"),
        "9110 7.6.1",
    ),
    _posted(
        "does not let Connection take away the framing",
        post(b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
        "9110 7.6.1",
    ),
    _posted(
        "forwards a body of HTTP/1.0",
        lines(b"POST /orders HTTP/1.0", HOST, b"Content-Length: 5", body=b"hello"),
        "9112 6.2",
        passed=(),
        after="closed",
    ),
    _posted(
        "forwards a body and closes when told to",
        post(b"Content-Length: 5", b"Connection: close", body=b"hello"),
        "9112 9.6",
        after="closed",
    ),
    _posted(
        "meets an expectation whose body has come already",
        post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"),
        "9110 10.1.1",
    ),
    _posted(
        "meets an expectation in any letters",
        post(b"Expect: 100-Continue", b"Content-Length: 5", body=b"hello"),
        "9110 10.1.1",
    ),
    _posted(
        "forwards a body of a whole megabyte",
        post(b"Content-Length: 1048576", body=b"x" * 1048576),
        "9110 8.6",
        b"x" * 1048576,
    ),
    Forwarded(
        "forwards a body of DELETE",
        get(b"Content-Length: 5", method=b"DELETE") + b"hello",
        "9110 9.3.5",
        method=b"DELETE",
        body=b"hello",
    ),
    Forwarded(
        "forwards a body of PATCH",
        get(b"Content-Length: 5", method=b"PATCH") + b"hello",
        "5789 2",
        method=b"PATCH",
        body=b"hello",
    ),
    Forwarded(
        "forwards a body of GET as a body", get(b"Content-Length: %d" % len(get())) + get(), "9110 9.3.1", body=get()
    ),
    Forwarded("ignores Max-Forwards of GET", get(b"Max-Forwards: 0"), "9110 7.6.2", passed=((b"max-forwards", b"0"),)),
    Forwarded(
        "counts Max-Forwards of OPTIONS down",
        get(b"Max-Forwards: 7", method=b"OPTIONS"),
        "9110 7.6.2",
        method=b"OPTIONS",
        passed=((b"max-forwards", b"6"),),
    ),
    Forwarded(
        "counts Max-Forwards of OPTIONS down to nothing",
        get(b"Max-Forwards: 1", method=b"OPTIONS"),
        "9110 7.6.2",
        method=b"OPTIONS",
        passed=((b"max-forwards", b"0"),),
    ),
)

CASES: Final = (*_TARGETS, *_FORMS, *_FIELDS, *_HOP, *_IDENTITY, *_BODIES)
