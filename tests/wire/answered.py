"""Answers of the upstream that are good, and what of them the client sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.wire.build import PATH, get, lines, ok
from tests.wire.strict import Field
from tests.wire.upstream import Answer

PLAIN: Final = b"Content-Type: text/plain"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the upstream says, and what the client has to see: beside it only what is the gateway's own to say."""

    name: str
    answer: Answer
    why: str
    status: int = 200
    passed: tuple[Field, ...] = ()
    body: bytes = b"ok"
    method: bytes = b"GET"
    reused: bool | None = None
    """Whether the connection to the upstream serves the next request; None where it may or may not."""

    @property
    def sent(self) -> bytes:
        return get(method=self.method, target=PATH)


def _kept(name: str, raw: bytes, why: str, **more: object) -> Answered:
    return Answered(name, Answer(raw, then="keep"), why, **{"reused": True, **more})  # type: ignore[arg-type]


def _closed(name: str, raw: bytes, why: str, **more: object) -> Answered:
    return Answered(name, Answer(raw, then="close"), why, **{"reused": False, **more})  # type: ignore[arg-type]


def _fields(name: str, sent: tuple[bytes, ...], passed: tuple[Field, ...], why: str) -> Answered:
    return _kept(name, ok(*sent), why, passed=passed)


def _chunks(body: bytes, *fields: bytes) -> bytes:
    return lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", *fields, body=body)


_FIELDS: Final = (
    _fields(
        "passes cookies on one by one",
        (b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2, c", b"Set-Cookie: a=3"),
        ((b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2, c"), (b"set-cookie", b"a=3")),
        "9110 5.3",
    ),
    _fields("keeps order", (b"X-B: 1", b"X-A: 2"), ((b"x-b", b"1"), (b"x-a", b"2")), "9110 5.3"),
    _fields("keeps repeated fields", (b"X-A: 1", b"X-A: 1"), ((b"x-a", b"1"), (b"x-a", b"1")), "9110 5.2"),
    _fields("trims values", (b"X-A: \t a  b \t",), ((b"x-a", b"a  b"),), "9112 5.1"),
    _fields("keeps an empty value", (b"X-A:",), ((b"x-a", b""),), "9110 5.5"),
    _fields("keeps octets above ASCII", (b"X-A: k\xc3\xa4se",), ((b"x-a", b"k\xc3\xa4se"),), "9110 5.5"),
    _fields("drops Keep-Alive", (b"Keep-Alive: timeout=5",), (), "9110 7.6.1"),
    _fields(
        "drops what Connection names",
        (b"Connection: X-Foo", b"X-Foo: 1", b"X-Bar: 2"),
        ((b"x-bar", b"2"),),
        "9110 7.6.1",
    ),
    _fields(
        "drops what several Connections name",
        (b"Connection: X-Foo", b"connection: x-bar,", b"X-Foo: 1", b"X-Bar: 2"),
        (),
        "9110 7.6.1",
    ),
    _fields("drops Proxy-Authenticate", (b"Proxy-Authenticate: Basic",), (), "9110 11.7.1"),
    _fields("drops Proxy-Connection", (b"Proxy-Connection: keep-alive",), (), "9110 7.6.1"),
    _fields("drops Trailer", (b"Trailer: X-Sum",), (), "9110 6.6.2"),
    _fields("drops an offer to upgrade", (b"Connection: Upgrade", b"Upgrade: h2c"), (), "9110 7.8"),
    _fields(
        "carries sixty fields",
        tuple(b"X-%d: 1" % n for n in range(60)),
        tuple((b"x-%d" % n, b"1") for n in range(60)),
        "9110 5.4",
    ),
    _fields("carries a large field", (b"X-A: " + b"x" * 8000,), ((b"x-a", b"x" * 8000),), "9110 5.4"),
    _closed("does not pass a close on", ok(b"Connection: close"), "9112 9.6"),
)

_STATUSES: Final = (
    _kept(
        "does not follow a redirect",
        lines(b"HTTP/1.1 302 Found", b"Location: http://other.example/x", b"Content-Length: 0"),
        "9110 15.4",
        status=302,
        passed=((b"location", b"http://other.example/x"),),
        body=b"",
    ),
    _kept(
        "passes a permanent redirect on",
        lines(b"HTTP/1.1 308 Permanent Redirect", b"Location: /products", b"Content-Length: 0"),
        "9110 15.4.9",
        status=308,
        passed=((b"location", b"/products"),),
        body=b"",
    ),
    _kept(
        "passes a failure on",
        lines(b"HTTP/1.1 404 Not Found", PLAIN, b"Content-Length: 2", body=b"no"),
        "9110 15.5.5",
        status=404,
        passed=((b"content-type", b"text/plain"),),
        body=b"no",
    ),
    _kept(
        "passes a demand for credentials on",
        lines(b"HTTP/1.1 401 Unauthorized", b"WWW-Authenticate: Bearer", b"Content-Length: 0"),
        "9110 11.6.1",
        status=401,
        passed=((b"www-authenticate", b"Bearer"),),
        body=b"",
    ),
    _kept(
        "passes a status nobody has heard of on",
        lines(b"HTTP/1.1 499 Odd", b"Content-Length: 2", body=b"ok"),
        "9110 15",
        status=499,
    ),
    _kept("takes an answer without a reason", lines(b"HTTP/1.1 200 ", b"Content-Length: 2", body=b"ok"), "9112 4"),
    _kept(
        "takes odd octets in a reason",
        lines(b"HTTP/1.1 200 Sch\xf6n; <so> \t!", b"Content-Length: 2", body=b"ok"),
        "9112 4",
    ),
    _kept(
        "passes 204 on",
        lines(b"HTTP/1.1 204 No Content", b"X-A: 1"),
        "9110 15.3.5",
        status=204,
        passed=((b"x-a", b"1"),),
        body=b"",
    ),
    _kept(
        "passes 304 on",
        lines(b"HTTP/1.1 304 Not Modified", b'ETag: "a"'),
        "9110 15.4.5",
        status=304,
        passed=((b"etag", b'"a"'),),
        body=b"",
    ),
    _kept(
        "knows that 304 has no body whatever its length",
        lines(b"HTTP/1.1 304 Not Modified", b"Content-Length: 5"),
        "9112 6.3",
        status=304,
        body=b"",
        reused=None,
    ),
    _closed(
        "drops a body of 204",
        lines(b"HTTP/1.1 204 No Content", b"Content-Length: 5", body=b"hello"),
        "9112 6.3",
        status=204,
        body=b"",
    ),
    _closed(
        "drops a chunked body of 204",
        lines(b"HTTP/1.1 204 No Content", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
        "9112 6.3",
        status=204,
        body=b"",
    ),
    _closed(
        "drops a body of 304",
        lines(b"HTTP/1.1 304 Not Modified", b"Content-Length: 5", body=b"hello"),
        "9112 6.3",
        status=304,
        body=b"",
    ),
    _kept("waits past 100", lines(b"HTTP/1.1 100 Continue") + ok(), "9110 15.2"),
    _kept("waits past 103", lines(b"HTTP/1.1 103 Early Hints", b"Link: </a>; rel=preload") + ok(), "8297 2"),
    _kept(
        "waits past 102 and 103",
        lines(b"HTTP/1.1 102 Processing") + lines(b"HTTP/1.1 103 Early Hints") + ok(),
        "9110 15.2",
    ),
    _kept("knows that HEAD has no body", ok(), "9110 9.3.2", method=b"HEAD", body=b"", reused=None),
    _kept(
        "passes an answer to HEAD on",
        lines(b"HTTP/1.1 200 OK", b"Content-Length: 500"),
        "9110 9.3.2",
        method=b"HEAD",
        body=b"",
    ),
    _kept(
        "passes a chunked answer to HEAD on",
        lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked"),
        "9110 9.3.2",
        method=b"HEAD",
        body=b"",
    ),
    _closed("drops a body that answers HEAD", ok(body=b"hello"), "9110 9.3.2", method=b"HEAD", body=b""),
    _closed(
        "drops a chunked body that answers HEAD",
        _chunks(b"5\r\nhello\r\n0\r\n\r\n"),
        "9110 9.3.2",
        method=b"HEAD",
        body=b"",
    ),
)

_BODIES: Final = (
    _kept("passes chunks on", _chunks(b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n"), "9112 7.1"),
    _kept(
        "takes chunk sizes in capitals and with noughts",
        _chunks(b"00A\r\nhellohello\r\n0\r\n\r\n"),
        "9112 7.1",
        body=b"hellohello",
    ),
    _kept("drops chunk extensions", _chunks(b'2;a="b"\r\nok\r\n0;z\r\n\r\n'), "9112 7.1.1"),
    _kept(
        "drops trailers",
        _chunks(b"2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=1\r\n\r\n", b"Trailer: X-Sum"),
        "9110 6.5.1",
    ),
    _kept(
        "takes chunked in any letters",
        lines(b"HTTP/1.1 200 OK", b"transfer-ENCODING: CHUNKED", body=b"2\r\nok\r\n0\r\n\r\n"),
        "9112 7",
    ),
    _kept("passes an empty chunked body on", _chunks(b"0\r\n\r\n"), "9112 7.1", body=b""),
    _kept("passes an empty body on", ok(body=b""), "9112 6.2", body=b""),
    _kept("passes octets of every kind on", ok(body=bytes(range(256))), "9110 6.4", body=bytes(range(256))),
    _kept("passes a body that looks like an answer on", ok(body=ok()), "9112 6.3", body=ok()),
    _kept("passes a megabyte on", ok(body=b"x" * 1_000_000), "9112 6.2", body=b"x" * 1_000_000),
    _kept(
        "passes a megabyte in one chunk on",
        _chunks(b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n0\r\n\r\n"),
        "9112 7.1",
        body=b"x" * 1_000_000,
    ),
    _closed(
        "takes a body that ends with the connection",
        lines(b"HTTP/1.1 200 OK", PLAIN, body=b"to the end"),
        "9112 6.3",
        passed=((b"content-type", b"text/plain"),),
        body=b"to the end",
    ),
    _closed("takes an answer in HTTP/1.0", lines(b"HTTP/1.0 200 OK", b"Content-Length: 2", body=b"ok"), "9112 9.3"),
    _closed(
        "takes an answer in HTTP/1.0 that ends with the connection",
        lines(b"HTTP/1.0 200 OK", body=b"to the end"),
        "9112 6.3",
        body=b"to the end",
    ),
    _closed("takes a whole answer before a close", ok(), "9112 9.6"),
    Answered(
        "gives a connection up that has bytes after the answer",
        Answer(ok() + ok(b"X-Poison: 1", body=b"poison"), then="keep"),
        "9112 9.2",
        reused=False,
    ),
    Answered(
        "gives a connection up that has a line end after the answer",
        Answer(ok() + b"\r\n", then="keep"),
        "9112 9.2",
        reused=None,
    ),
    Answered(
        "gives a connection up that has bytes after the last chunk",
        Answer(_chunks(b"2\r\nok\r\n0\r\n\r\n") + ok(body=b"poison"), then="keep"),
        "9112 9.2",
        reused=False,
    ),
    Answered(
        "gives a connection up that has bytes after 204",
        Answer(lines(b"HTTP/1.1 204 No Content") + ok(body=b"poison"), then="keep"),
        "9112 9.2",
        status=204,
        body=b"",
        reused=False,
    ),
    Answered(
        "gives a connection up on which a body answers HEAD",
        Answer(ok(body=b"hello"), then="keep"),
        "9112 9.2",
        method=b"HEAD",
        body=b"",
        reused=False,
    ),
)

CASES: Final = (*_FIELDS, *_STATUSES, *_BODIES)
