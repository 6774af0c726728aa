"""Requests that could be read in two ways, or in none: refused, the connection closed, and nothing forwarded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.wire.build import HOST, PATH, chunked, get, lines, post

BAD: Final = frozenset({400})
CODING: Final = frozenset({400, 501})
VERSION: Final = frozenset({400, 505})
FIELDS: Final = frozenset({400, 431})
LINE: Final = frozenset({400, 414})
METHOD: Final = frozenset({400, 405, 501})


@dataclass(frozen=True, slots=True)
class Refused:
    """What is sent, and with which status it may be refused."""

    name: str
    sent: bytes
    why: str
    statuses: frozenset[int] = BAD


HIDDEN: Final = get(target=b"/products/HIDDEN")
"""A second request, where a reader who got the first one's length wrong would find it."""
FIVE: Final = b"Content-Length: 5"
CHUNKED: Final = b"Transfer-Encoding: chunked"
LAST: Final = b"0\r\n\r\n"
LONG: Final = b"x" * 100_000

_TWO_FRAMINGS: Final = tuple(
    Refused(f"refuses {name}", post(*fields, body=body), why)
    for name, fields, body, why in (
        (
            "a length before a transfer coding",
            (FIVE, CHUNKED),
            LAST,
            "9112 6.3",
        ),
        (
            "a length after a transfer coding",
            (CHUNKED, FIVE),
            LAST,
            "9112 6.3",
        ),
        (
            "a length of nothing beside a transfer coding",
            (b"Content-Length: 0", CHUNKED),
            LAST,
            "9112 6.3",
        ),
        (
            "both framings in odd letters",
            (b"cONTENT-lENGTH: 5", b"tRANSFER-eNCODING: CHUNKED"),
            LAST,
            "9112 6.3",
        ),
        (
            "a request hidden behind the length (CL.TE)",
            (b"Content-Length: %d" % (5 + len(HIDDEN)), CHUNKED),
            LAST + HIDDEN,
            "9112 11.2",
        ),
        (
            "a request hidden behind the chunks (TE.CL)",
            (b"Content-Length: 4", CHUNKED),
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
            "9112 11.2",
        ),
        (
            "a length beside an unknown coding",
            (FIVE, b"Transfer-Encoding: xchunked"),
            LAST,
            "9112 6.3",
        ),
        (
            "a length hidden among other fields",
            (FIVE, b"X-Between: 1", CHUNKED),
            LAST,
            "9112 6.3",
        ),
    )
)

_LENGTHS: Final = (
    *(
        Refused(f"refuses {name}", post(*fields, body=b"hello" + HIDDEN), "9112 6.3")
        for name, fields in (
            ("two lengths that differ", (FIVE, b"Content-Length: 6")),
            ("two lengths that are equal", (FIVE, FIVE)),
            ("a length of nothing before a true one (CL.0)", (b"Content-Length: 0", FIVE)),
            ("two lengths apart, in odd letters", (FIVE, b"X-Between: 1", b"content-LENGTH: 5")),
        )
    ),
    *(
        Refused(f"refuses a length of {said}", post(b"Content-Length:" + value, body=b"hello" + HIDDEN), "9110 8.6")
        for said, value in (
            ("a list", b" 5, 5"),
            ("a list without spaces", b" 5,5"),
            ("a list that differs", b" 5, 6"),
            ("plus five", b" +5"),
            ("minus one", b" -1"),
            ("hexadecimal five", b" 0x5"),
            ("five in exponents", b" 5e0"),
            ("ten in exponents", b" 1e1"),
            ("five and a fraction", b" 5.0"),
            ("nothing at all", b""),
            ("spaces only", b"   "),
            ("a word", b" five"),
            ("two numbers", b" 5 5"),
            ("an underscore in a number", b" 0_5"),
            ("quotes", b' "5"'),
            ("Arabic digits", " ٥".encode()),
            ("a superscript digit", b" \xb2"),
            ("a vertical tab before the number", b" \x0b5"),
            ("a form feed after the number", b" 5\x0c"),
            ("NUL after the number", b" 5\x00"),
            ("a semicolon after the number", b" 5;"),
        )
    ),
)

_CODINGS: Final = (
    *(
        Refused(
            f"refuses {name} as a transfer coding",
            post(b"Transfer-Encoding:" + value, body=LAST + HIDDEN),
            "9112 6.1",
            CODING,
        )
        for name, value in (
            ("something like chunked", b" xchunked"),
            ("chunked and more letters", b" chunkedx"),
            ("chunked before identity", b" chunked, identity"),
            ("identity", b" identity"),
            ("identity before chunked", b" identity, chunked"),
            ("gzip", b" gzip"),
            ("gzip before chunked", b" gzip, chunked"),
            ("chunked before gzip", b" chunked, gzip"),
            ("chunked twice", b" chunked, chunked"),
            ("chunked with a parameter", b" chunked;q=1"),
            ("quoted chunked", b' "chunked"'),
            ("chunked in two words", b" chun ked"),
            ("nothing", b""),
            ("a comma before chunked", b" , chunked"),
            ("a comma after chunked", b" chunked,"),
            ("a vertical tab before chunked", b" \x0bchunked"),
            ("a no-break space before chunked", b" \xa0chunked"),
            ("NUL after chunked", b" chunked\x00"),
        )
    ),
    Refused(
        "refuses chunked said in two fields",
        post(CHUNKED, CHUNKED, body=LAST + HIDDEN),
        "9112 6.1",
        CODING,
    ),
    Refused(
        "refuses chunked and then another coding in a field of its own (TE.TE)",
        post(CHUNKED, b"Transfer-Encoding: cow", body=LAST + HIDDEN),
        "9112 6.1",
        CODING,
    ),
    Refused(
        "refuses identity and then chunked in a field of its own",
        post(b"Transfer-Encoding: identity", CHUNKED, body=LAST + HIDDEN),
        "9112 6.1",
        CODING,
    ),
    Refused(
        "refuses a space before the transfer coding's colon",
        post(b"Transfer-Encoding : chunked", body=LAST + HIDDEN),
        "9112 5.1",
    ),
    Refused(
        "refuses a folded transfer coding",
        post(b"Transfer-Encoding:\r\n chunked", body=LAST + HIDDEN),
        "9112 5.2",
    ),
    Refused(
        "refuses a transfer coding in HTTP/1.0",
        lines(b"POST /orders HTTP/1.0", HOST, CHUNKED, body=LAST + HIDDEN),
        "9112 6.1",
        CODING,
    ),
    Refused(
        "refuses a transfer coding in HTTP/1.0 that is to be kept alive",
        lines(
            b"POST /orders HTTP/1.0",
            HOST,
            b"Connection: keep-alive",
            CHUNKED,
            body=LAST + HIDDEN,
        ),
        "9112 6.1",
        CODING,
    ),
)

_CHUNKS: Final = (
    *(
        Refused(f"refuses a chunk size {name}", chunked(body=size + b"\r\nhello\r\n0\r\n\r\n"), "9112 7.1")
        for name, size in (
            ("below nothing", b"-1"),
            ("written 0x5", b"0x5"),
            ("with a plus", b"+5"),
            ("after a space", b" 5"),
            ("before a space", b"5 "),
            ("before a tab", b"5\t"),
            ("of no digits", b""),
            ("that is a word", b"five"),
            ("with an underscore", b"0_5"),
            ("of seventeen digits", b"1" + b"0" * 15 + b"5"),
            ("of sixteen digits", b"f" * 16),
            ("of a thousand digits", b"1" * 1000),
            ("in Arabic digits", "٥".encode()),
            ("after NUL", b"\x005"),
        )
    ),
    *(
        Refused(f"refuses {name}", chunked(body=body), why, statuses)
        for name, body, why, statuses in (
            ("a chunk longer than it says", b"3\r\nhello\r\n0\r\n\r\n", "9112 7.1", BAD),
            ("a chunk shorter than it says", b"7\r\nhello\r\n0\r\n\r\n", "9112 7.1", BAD),
            ("no line end after a chunk", b"5\r\nhello0\r\n\r\n", "9112 7.1", BAD),
            ("a bare LF after a chunk", b"5\r\nhello\n0\r\n\r\n", "9112 7.1", BAD),
            ("a bare CR after a chunk", b"5\r\nhello\r0\r\n\r\n", "9112 7.1", BAD),
            ("other octets than a line end after a chunk", b"5\r\nhelloXX0\r\n\r\n", "9112 7.1", BAD),
            ("a bare LF after a chunk size", b"5\nhello\r\n0\r\n\r\n", "9112 7.1", BAD),
            ("a bare CR after a chunk size", b"5\rhello\r\n0\r\n\r\n", "9112 7.1", BAD),
            ("a bare LF after the last chunk's size", b"5\r\nhello\r\n0\n\r\n", "9112 7.1", BAD),
            ("a bare LF in a chunk extension", b"5;a\nhello\r\n0\r\n\r\n", "9112 7.1.1", BAD),
            ("a bare CR in a chunk extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n", "9112 7.1.1", BAD),
            ("NUL in a chunk extension", b"5;a=\x00\r\nhello\r\n0\r\n\r\n", "9112 7.1.1", BAD),
            ("a huge chunk extension", b"5;a=" + LONG + b"\r\nhello\r\n0\r\n\r\n", "9112 7.1.1", BAD | FIELDS | {413}),
            ("a bare LF after a trailer", b"5\r\nhello\r\n0\r\nX-T: 1\n\r\n\r\n", "9112 7.1.2", BAD),
            ("a trailer without a colon", b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n", "9112 7.1.2", BAD),
            ("a space before a trailer's colon", b"5\r\nhello\r\n0\r\nX-T : 1\r\n\r\n", "9112 7.1.2", BAD),
            ("huge trailers", b"5\r\nhello\r\n0\r\nX-T: " + LONG + b"\r\n\r\n", "9112 7.1.2", BAD | FIELDS | {413}),
            ("a bad size after a good chunk", b"5\r\nhello\r\nzz\r\nhello\r\n0\r\n\r\n", "9112 7.1", BAD),
        )
    ),
)

_FIELDS: Final = (
    *(
        Refused(f"refuses {name}", get(*fields), why)
        for name, fields, why in (
            ("a space before the colon", (b"X-Odd : 1",), "9112 5.1"),
            ("a tab before the colon", (b"X-Odd\t: 1",), "9112 5.1"),
            ("a space in a name", (b"X Odd: 1",), "9110 5.1"),
            ("a space before the first name", (b" X-Odd: 1",), "9112 2.2"),
            ("an empty name", (b": 1",), "9110 5.1"),
            ("a field without a colon", (b"nonsense",), "9112 5"),
            ("parentheses in a name", (b"X-(Odd): 1",), "9110 5.6.2"),
            ("an at sign in a name", (b"X@Odd: 1",), "9110 5.6.2"),
            ("a slash in a name", (b"X/Odd: 1",), "9110 5.6.2"),
            ("a quote in a name", (b'X"Odd: 1',), "9110 5.6.2"),
            ("NUL in a name", (b"X\x00Odd: 1",), "9110 5.6.2"),
            ("a control character in a name", (b"X\x01Odd: 1",), "9110 5.6.2"),
            ("an octet above ASCII in a name", (b"X-\xc3\xa4: 1",), "9110 5.6.2"),
            ("NUL in a value", (b"X-Odd: a\x00b",), "9110 5.5"),
            ("a bell in a value", (b"X-Odd: a\x07b",), "9110 5.5"),
            ("an escape in a value", (b"X-Odd: \x1b[0m",), "9110 5.5"),
            ("DEL in a value", (b"X-Odd: a\x7fb",), "9110 5.5"),
            ("a vertical tab in a value", (b"X-Odd: a\x0bb",), "9110 5.5"),
            ("a bare CR in a value", (b"X-Odd: a\rb",), "9112 2.2"),
            ("a bare CR before another field", (b"X-Odd: a\rX-More: b",), "9112 2.2"),
            ("a bare LF in a value", (b"X-Odd: a\nX-More: b",), "9112 2.2"),
            ("a bare LF and a framing after it", (b"X-Odd: a\nTransfer-Encoding: chunked",), "9112 2.2"),
            ("two CRs before the LF", (b"X-Odd: a\r",), "9112 2.2"),
            ("a value folded with a space", (b"X-Odd: a\r\n b",), "9112 5.2"),
            ("a value folded with a tab", (b"X-Odd: a\r\n\tb",), "9112 5.2"),
            ("a line of spaces among the fields", (b"X-Odd: a", b"   ", b"X-More: b"), "9112 5.2"),
        )
    ),
    Refused(
        "refuses a bare LF after the request line", b"GET %b HTTP/1.1\nHost: shop.example\r\n\r\n" % PATH, "9112 2.2"
    ),
    Refused(
        "refuses a bare CR in the request line", b"GET %b\rX HTTP/1.1\r\nHost: shop.example\r\n\r\n" % PATH, "9112 2.2"
    ),
    Refused(
        "refuses a head whose every line ends in a bare LF",
        b"GET %b HTTP/1.1\nHost: shop.example\n\n\r\n\r\n" % PATH,
        "9112 2.2",
    ),
    Refused(
        "refuses a head that ends in bare LFs", b"GET %b HTTP/1.1\r\nHost: shop.example\n\n\r\n\r\n" % PATH, "9112 2.2"
    ),
    Refused(
        "refuses a folded line right after the request line",
        b"GET %b HTTP/1.1\r\n Host: shop.example\r\n\r\n" % PATH,
        "9112 2.2",
    ),
)

_HOSTS: Final = (
    Refused("refuses HTTP/1.1 without a Host", lines(b"GET %b HTTP/1.1" % PATH, b"Accept: */*"), "9112 3.2"),
    Refused("refuses two hosts that differ", get(b"Host: other.example"), "9112 3.2"),
    Refused("refuses two hosts that are equal", get(HOST), "9112 3.2"),
    Refused("refuses a second host in odd letters", get(b"X-Between: 1", b"hOST: shop.example"), "9112 3.2"),
    *(
        Refused(f"refuses a host {name}", lines(b"GET %b HTTP/1.1" % PATH, b"Host: " + value), "9112 3.2")
        for name, value in (
            ("with a space", b"shop example"),
            ("with a path", b"shop.example/evil"),
            ("with a query", b"shop.example?evil"),
            ("with a fragment", b"shop.example#evil"),
            ("with a user", b"user@shop.example"),
            ("with a scheme", b"http://shop.example"),
            ("with a port that is a word", b"shop.example:http"),
            ("with a port too high", b"shop.example:99999"),
            ("with a port below nothing", b"shop.example:-1"),
            ("with two ports", b"shop.example:80:80"),
            ("with a backslash", b"shop.example\\evil"),
            ("with angle brackets", b"<shop.example>"),
            ("with a quote", b'shop"example'),
            ("that is two", b"shop.example, other.example"),
            ("with octets above ASCII", b"sh\xc3\xb6p.example"),
            ("with brackets that never close", b"[::1"),
        )
    ),
)

_TARGETS: Final = (
    Refused("refuses an absolute target of another host", get(target=b"http://other.example" + PATH), "9112 3.2.2"),
    Refused("refuses an absolute target of another port", get(target=b"http://shop.example:81" + PATH), "9112 3.2.2"),
    Refused("refuses an absolute target with a user", get(target=b"http://user@shop.example" + PATH), "9110 4.2.4"),
    Refused("refuses an absolute target of another scheme", get(target=b"ftp://shop.example" + PATH), "9110 4.2"),
    Refused("refuses an absolute target without a host", get(target=b"http://" + PATH), "9110 4.2.1"),
    Refused("refuses an asterisk for GET", get(target=b"*"), "9112 3.2.4"),
    Refused("refuses a target without a slash", get(target=b"products/KETTLE"), "9112 3.2.1"),
    Refused("refuses a bare authority as a target", get(target=b"shop.example:80"), "9112 3.2.3"),
    Refused("refuses CONNECT", get(target=b"shop.example:443", method=b"CONNECT"), "9110 9.3.6", METHOD),
    Refused("refuses CONNECT to a routed path", get(method=b"CONNECT"), "9110 9.3.6", METHOD),
    Refused("refuses a fragment", get(target=PATH + b"#top"), "9112 3.2.1"),
    Refused("refuses octets above ASCII in the path", get(target=b"/products/k\xc3\xa4se"), "9112 3.2.1"),
    Refused("refuses NUL in the path", get(target=PATH + b"\x00"), "9112 3.2.1"),
    Refused("refuses a control character in the path", get(target=PATH + b"\x01x"), "9112 3.2.1"),
    Refused("refuses DEL in the path", get(target=PATH + b"\x7f"), "9112 3.2.1"),
    Refused("refuses a tab in the query", get(target=PATH + b"?a=\tb"), "9112 3.2"),
    Refused("refuses a space in the path", get(target=b"/products/big kettle"), "9112 3.2"),
    Refused("refuses an oversized target", get(target=b"/products/" + LONG), "9112 3", LINE | FIELDS),
)

_LINES: Final = (
    *(
        Refused(f"refuses {name}", lines(line, HOST), why, statuses)
        for name, line, why, statuses in (
            ("two spaces after the method", b"GET  %b HTTP/1.1" % PATH, "9112 3", BAD),
            ("two spaces before the version", b"GET %b  HTTP/1.1" % PATH, "9112 3", BAD),
            ("a space before the method", b" GET %b HTTP/1.1" % PATH, "9112 3", BAD),
            ("a space after the version", b"GET %b HTTP/1.1 " % PATH, "9112 3", BAD),
            ("a tab after the method", b"GET\t%b HTTP/1.1" % PATH, "9112 3", BAD),
            ("a tab before the version", b"GET %b\tHTTP/1.1" % PATH, "9112 3", BAD),
            ("a request line without a version", b"GET %b" % PATH, "9112 3", VERSION),
            ("a request line without a target", b"GET HTTP/1.1", "9112 3", BAD),
            ("a request line of a method alone", b"GET", "9112 3", BAD),
            ("a request line of four words", b"GET %b x HTTP/1.1" % PATH, "9112 3", BAD),
            ("a version in small letters", b"GET %b http/1.1" % PATH, "9112 2.3", VERSION),
            ("HTTP/1.2", b"GET %b HTTP/1.2" % PATH, "9110 2.5", VERSION),
            ("HTTP/2.0", b"GET %b HTTP/2.0" % PATH, "9110 2.5", VERSION),
            ("HTTP/0.9 with a number", b"GET %b HTTP/0.9" % PATH, "9110 2.5", VERSION),
            ("HTTP/1.10", b"GET %b HTTP/1.10" % PATH, "9112 2.3", VERSION),
            ("HTTP/1", b"GET %b HTTP/1" % PATH, "9112 2.3", VERSION),
            ("HTTP/01.1", b"GET %b HTTP/01.1" % PATH, "9112 2.3", VERSION),
            ("another protocol", b"GET %b ICAP/1.1" % PATH, "9112 2.3", VERSION),
            ("a method with a slash", b"GE/T %b HTTP/1.1" % PATH, "9110 9.1", METHOD),
            ("a method with a colon", b"GET: %b HTTP/1.1" % PATH, "9110 9.1", METHOD),
            ("a method with NUL", b"GE\x00T %b HTTP/1.1" % PATH, "9110 9.1", METHOD),
            ("a method in brackets", b"<GET> %b HTTP/1.1" % PATH, "9110 9.1", METHOD),
            ("a method above ASCII", b"G\xc3\x8bT %b HTTP/1.1" % PATH, "9110 9.1", METHOD),
            ("a method of a thousand letters", b"G" * 10_000 + b" %b HTTP/1.1" % PATH, "9110 9.1", METHOD | LINE),
            ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "9112 2.2", BAD),
        )
    ),
    Refused("refuses HTTP/0.9", b"GET %b\r\n\r\n" % PATH, "9112 3", VERSION),
    Refused(
        "refuses the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9, "9113 3.4", VERSION | METHOD
    ),
    Refused("refuses fields as HTTP/2 has them", get(b":authority: shop.example", b":path: /products"), "9113 8.3"),
)

_SIZES: Final = (
    Refused("refuses an oversized field", get(b"X-Long: " + LONG), "9110 5.4", FIELDS),
    Refused("refuses an oversized name", get(LONG + b": 1"), "9110 5.4", FIELDS),
    Refused("refuses an oversized head", get(*(b"X-%d: " % n + b"x" * 4000 for n in range(50))), "9110 5.4", FIELDS),
    Refused("refuses too many fields", get(*(b"X-%d: 1" % number for number in range(3000))), "9110 5.4", FIELDS),
)

_EXPECTED: Final = (
    Refused(
        "refuses two framings before it asks for the body", post(b"Expect: 100-continue", FIVE, CHUNKED), "9110 10.1.1"
    ),
    Refused(
        "refuses two lengths before it asks for the body",
        post(b"Expect: 100-continue", FIVE, b"Content-Length: 6"),
        "9110 10.1.1",
    ),
    Refused(
        "refuses a pipelined request that hides behind a bad one",
        lines(b"GET %b HTTP/1.1" % PATH, b"X : 1") + HIDDEN,
        "9112 9.3.2",
    ),
)

CASES: Final = (
    *_TWO_FRAMINGS,
    *_LENGTHS,
    *_CODINGS,
    *_CHUNKS,
    *_FIELDS,
    *_HOSTS,
    *_TARGETS,
    *_LINES,
    *_SIZES,
    *_EXPECTED,
)
