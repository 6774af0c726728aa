"""What an upstream may say that is no answer: 502, and nothing of it relayed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.wire.build import lines, ok
from tests.wire.upstream import Answer


@dataclass(frozen=True, slots=True)
class Nonsense:
    """What the upstream says. It always ends in a marker that must not reach the client."""

    name: str
    answer: Answer
    why: str


MARK: Final = b"nonsense-from-behind"
LENGTH: Final = b"Content-Length: 20"


def _kept(name: str, raw: bytes, why: str) -> Nonsense:
    return Nonsense(name, Answer(raw, then="keep"), why)


def _coded(coding: bytes, body: bytes = b"14\r\n" + MARK + b"\r\n0\r\n\r\n") -> bytes:
    return lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding:" + coding, body=body)


_STATUS_LINES: Final = tuple(
    _kept(f"does not relay {name}", lines(line, LENGTH, body=MARK), "9112 4")
    for name, line in (
        ("words for a status line", b"hello there"),
        ("an empty status line", b""),
        ("HTTP/2 in a status line", b"HTTP/2 200 OK"),
        ("HTTP/2.0 in a status line", b"HTTP/2.0 200 OK"),
        ("HTTP/0.9 in a status line", b"HTTP/0.9 200 OK"),
        ("HTTP/1 in a status line", b"HTTP/1 200 OK"),
        ("HTTP/1.10 in a status line", b"HTTP/1.10 200 OK"),
        ("a version in small letters", b"http/1.1 200 OK"),
        ("another protocol's status line", b"ICY 200 OK"),
        ("a status line without a status", b"HTTP/1.1"),
        ("a reason without a status", b"HTTP/1.1 OK"),
        ("a status of two digits", b"HTTP/1.1 99 Odd"),
        ("a status of four digits", b"HTTP/1.1 1000 Odd"),
        ("a status of nought", b"HTTP/1.1 000 Odd"),
        ("a status that is a word", b"HTTP/1.1 abc Odd"),
        ("a status with a sign", b"HTTP/1.1 +20 Odd"),
        ("a status below nothing", b"HTTP/1.1 -200 Odd"),
        ("a status in hexadecimal", b"HTTP/1.1 0xc8 Odd"),
        ("a status in Arabic digits", "HTTP/1.1 ٢٠٠ Odd".encode()),
        ("a tab before the status", b"HTTP/1.1\t200 OK"),
        ("two spaces before the status", b"HTTP/1.1  200 OK"),
        ("a space before the status line", b" HTTP/1.1 200 OK"),
        ("NUL in a reason", b"HTTP/1.1 200 O\x00K"),
        ("a control character in a reason", b"HTTP/1.1 200 O\x07K"),
        ("a bare CR in a reason", b"HTTP/1.1 200 O\rK"),
        ("a request for an answer", b"GET /products HTTP/1.1"),
        ("a switch of protocols", b"HTTP/1.1 101 Switching Protocols"),
        (
            "a switch of protocols that nobody asked for",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket",
        ),
    )
)

_FIELDS: Final = tuple(
    _kept(f"does not relay {name}", lines(b"HTTP/1.1 200 OK", LENGTH, *fields, body=MARK), why)
    for name, fields, why in (
        ("a field without a colon", (b"nonsense",), "9112 5"),
        ("a space before the colon", (b"X-Odd : 1",), "9112 5.1"),
        ("a tab before the colon", (b"X-Odd\t: 1",), "9112 5.1"),
        ("a space in a name", (b"X Odd: 1",), "9110 5.1"),
        ("an empty name", (b": 1",), "9110 5.1"),
        ("a colon in a name", (b":status: 200",), "9113 8.3"),
        ("NUL in a name", (b"X\x00Odd: 1",), "9110 5.1"),
        ("an octet above ASCII in a name", (b"X-\xc3\xa4: 1",), "9110 5.1"),
        ("NUL in a value", (b"X-Odd: a\x00b",), "9110 5.5"),
        ("a control character in a value", (b"X-Odd: a\x07b",), "9110 5.5"),
        ("DEL in a value", (b"X-Odd: a\x7fb",), "9110 5.5"),
        ("a bare CR in a value", (b"X-Odd: a\rSet-Cookie: b=1",), "9112 2.2"),
        ("a bare LF in a value", (b"X-Odd: a\nSet-Cookie: b=1",), "9112 2.2"),
        ("two CRs before the LF", (b"X-Odd: a\r",), "9112 2.2"),
        ("a folded value", (b"X-Odd: a\r\n b",), "9112 5.2"),
        ("a value folded with a tab", (b"X-Odd: a\r\n\tb",), "9112 5.2"),
        ("an oversized field", (b"X-Odd: " + b"x" * 100_000,), "9110 5.4"),
        ("an oversized name", (b"x" * 100_000 + b": 1",), "9110 5.4"),
        ("an oversized head", tuple(b"X-%d: " % n + b"x" * 4000 for n in range(50)), "9110 5.4"),
        ("too many fields", tuple(b"X-%d: 1" % n for n in range(5000)), "9110 5.4"),
    )
)

_LENGTHS: Final = (
    *(
        _kept(
            f"does not relay a length of {name}",
            lines(b"HTTP/1.1 200 OK", b"Content-Length:" + value, body=MARK),
            "9112 6.3",
        )
        for name, value in (
            ("plus twenty", b" +20"),
            ("minus one", b" -1"),
            ("hexadecimal twenty", b" 0x14"),
            ("two numbers", b" 20 20"),
            ("a word", b" twenty"),
            ("an exponent", b" 2e1"),
            ("an underscore in a number", b" 2_0"),
            ("Arabic digits", " ٢٠".encode()),
            ("thirty digits", b" " + b"9" * 30),
            ("two numbers that differ", b" 20, 5"),
        )
    ),
    _kept(
        "does not relay two lengths that differ",
        lines(b"HTTP/1.1 200 OK", LENGTH, b"Content-Length: 5", body=MARK),
        "9112 6.3",
    ),
    _kept(
        "does not relay a length beside a transfer coding",
        lines(b"HTTP/1.1 200 OK", LENGTH, b"Transfer-Encoding: chunked", body=b"14\r\n" + MARK + b"\r\n0\r\n\r\n"),
        "9112 6.3",
    ),
    _kept(
        "does not relay a length after a transfer coding",
        lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", LENGTH, body=b"14\r\n" + MARK + b"\r\n0\r\n\r\n"),
        "9112 6.3",
    ),
    _kept("does not relay an unknown coding", _coded(b" xchunked"), "9112 6.1"),
    _kept("does not relay gzip and chunked", _coded(b" gzip, chunked"), "9112 6.1"),
    _kept("does not relay chunked and identity", _coded(b" chunked, identity"), "9112 6.1"),
    _kept("does not relay what is chunked twice", _coded(b" chunked, chunked"), "9112 6.1"),
    _kept("does not relay an empty coding", _coded(b""), "9112 6.1"),
    _kept("does not relay identity", _coded(b" identity"), "9112 6.1"),
)

_CHUNKS: Final = tuple(
    _kept(
        f"does not relay a first chunk size {name}",
        _coded(b" chunked", size + b"\r\n" + MARK + b"\r\n0\r\n\r\n"),
        "9112 7.1",
    )
    for name, size in (
        ("below nothing", b"-1"),
        ("written 0x14", b"0x14"),
        ("with a plus", b"+14"),
        ("after a space", b" 14"),
        ("that is a word", b"hello"),
        ("of no digits", b""),
        ("of seventeen digits", b"1" + b"0" * 14 + b"14"),
        ("in Arabic digits", "١٤".encode()),
    )
)

_ENDS: Final = (
    Nonsense("does not relay a connection that closes at once", Answer(b""), "9112 8"),
    Nonsense("does not relay a connection that is reset at once", Answer(b"", then="reset"), "9112 8"),
    Nonsense("does not relay half a status line", Answer(b"HTTP/1.1 20"), "9112 8"),
    Nonsense("does not relay a status line alone", Answer(b"HTTP/1.1 200 OK\r\n"), "9112 8"),
    Nonsense("does not relay half a head", Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A"), "9112 8"),
    Nonsense("does not relay a head without its end", Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"), "9112 8"),
    Nonsense("does not relay a promise and no answer", Answer(lines(b"HTTP/1.1 100 Continue")), "9110 15.2"),
    _kept("does not wait for ever past 100", lines(b"HTTP/1.1 100 Continue") * 20_000, "9110 15.2"),
    _kept("does not relay an endless status line", b"HTTP/1.1 200 " + b"x" * 200_000, "9112 4"),
    _kept("does not relay an answer that is a page and no head", b"<html>" + ok(body=MARK), "9112 4"),
)

CASES: Final = (*_STATUS_LINES, *_FIELDS, *_LENGTHS, *_CHUNKS, *_ENDS)
