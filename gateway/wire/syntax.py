"""The heads of HTTP/1.1 messages (RFC 9112), read strictly. Pure: no I/O.

What two readers could take for two different things is refused, never repaired: whoever stands before or behind the
gateway must not see another request in the same bytes.

Malformed             these bytes are no message, or an ambiguous one; `status` says how to refuse a request
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

Header = tuple[bytes, bytes]
Headers = list[Header]

HEAD_MAX: Final = 64 * 1024
"""Bytes of a whole head."""
TARGET_MAX: Final = 8 * 1024
FIELD_MAX: Final = 16 * 1024
FIELDS_MAX: Final = 128
# More digits than any length could have; `int` need not look at the rest.
_DIGITS_MAX: Final = 15

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_FIELD: Final = re.compile(_TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+")
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb"{1,32}) ([\x21\x22\x24-\x7e]++) HTTP/1\.([01])")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*+)?")
_VERSION: Final = re.compile(rb" HTTP/([0-9])\.([0-9])$")
_ABSOLUTE: Final = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?]*)([^?]*)(\?.*)?", re.DOTALL)
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?")
_LONE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_PORT_MAX: Final = 65535
_LENGTH: Final = re.compile(rb"[0-9]+")
_FRAMING: Final = frozenset({b"connection", b"content-length", b"expect", b"host", b"transfer-encoding"})

# Most lines of a head have been seen before, in the same bytes: they need not be checked and taken apart again.
_REMEMBERED_MAX: Final = 4096
_REMEMBERED_BYTES: Final = 1024
_lines: dict[bytes, tuple[Header, bool]] = {}


class Malformed(Exception):
    """These bytes are no message, or an ambiguous one."""

    def __init__(self, detail: str, *, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


class RequestFields(NamedTuple):
    """A request's fields, and what they say about the message."""

    headers: Headers
    """Names in lower case, values without the white space around them; in order, duplicates and all."""
    length: int | None
    """Bytes of the body; None when it comes in chunks."""
    keep_alive: bool
    expects_continue: bool
    host: bytes | None
    block: bytes
    """As they came."""
    minor: bytes
    memo: dict[str, Any]
    """For what the application works out from the fields alone: it is the same as long as they are."""


class RequestHead(NamedTuple):
    """A request up to its body."""

    method: str
    target: bytes
    """In origin-form (or `*`), the bytes as the client sent them."""
    fields: RequestFields


class ResponseHead(NamedTuple):
    """An answer up to its body."""

    status: int
    headers: Headers
    length: int | None
    """Bytes of the body as announced; None when nothing is."""
    chunked: bool
    keep_alive: bool


def request_head(head: bytes, before: RequestHead | None = None) -> RequestHead:
    """Return what a request's head says, given without the empty line that ends it.

    `before` is the head of the request before on the same connection: clients mostly repeat themselves there, and the
    same bytes need not be read twice.
    """
    if len(head) > HEAD_MAX:
        raise Malformed("the head is too large", status=431)
    line, _, block = head.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise _odd_request_line(line)
    method, target, minor = match.groups()
    if len(target) > TARGET_MAX:
        raise Malformed("the target is too long", status=414)
    if method == b"CONNECT":
        raise Malformed("no tunnels here", status=501)
    if before is not None and before.fields.block == block and before.fields.minor == minor:
        fields = before.fields
    else:
        fields = _request_fields(block, minor)
    if target[:1] != b"/":
        target = _origin_form(method, target, fields.host)
    return RequestHead(method.decode("ascii"), target, fields)


def _request_fields(block: bytes, minor: bytes) -> RequestFields:
    headers, framing = _headers(block, too_many=431)
    length: int | None = 0
    keep_alive = modern = minor == b"1"
    expects = False
    host: bytes | None = None
    for name, value in framing:
        if name == b"host":
            if host is not None:
                raise Malformed("exactly one Host")
            host = value
        elif name == b"connection":
            keep_alive = keep_alive and b"close" not in _options(value)
        elif name == b"expect":
            if value.lower() != b"100-continue":
                raise Malformed("only Expect: 100-continue can be met", status=417)
            expects = modern
        else:
            length = _request_length(framing, modern=modern)
    if host is None:
        if modern:
            raise Malformed("exactly one Host")
    elif host:
        authority = _HOST.fullmatch(host)
        if authority is None or int(authority[1] or 0) > _PORT_MAX:
            raise Malformed("Host is no authority")
    return RequestFields(headers, length, keep_alive, expects and length != 0, host, block, minor, {})


def response_head(head: bytes) -> ResponseHead:
    """Return what an answer's head says, given without the empty line that ends it."""
    line, _, block = head.partition(b"\r\n")
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise Malformed("no status line of HTTP/1")
    minor, status = match.groups()
    headers, framing = _headers(block)
    chunked = False
    length = None
    keep_alive = minor == b"1"
    for name, value in framing:
        if name == b"content-length":
            if length is not None or chunked:
                raise Malformed("more than one word on the body's length")
            length = _length(value)
        elif name == b"transfer-encoding":
            if chunked or length is not None:
                raise Malformed("more than one word on the body's length")
            if value.lower() != b"chunked" or minor == b"0":
                raise Malformed("only Transfer-Encoding: chunked is understood")
            chunked = True
        elif name == b"connection":
            keep_alive = keep_alive and b"close" not in _options(value)
    return ResponseHead(int(status), headers, length, chunked, keep_alive)


def trailers(section: bytes) -> Headers:
    """Return the fields of a trailer section, each with its line end."""
    return _headers(section[:-2])[0]


def unfinished(begun: bytes) -> None:
    """Raise Malformed when what has come of a request's head can no longer become one."""
    if _LONE_LINE_END.search(begun):
        raise Malformed("a line must end in CR LF")
    if len(begun) > HEAD_MAX:
        raise Malformed("the head is too large", status=431)
    if b"\r\n" not in begun and len(begun) > TARGET_MAX + 64:
        raise Malformed("the target is too long", status=414)


def _headers(block: bytes, *, too_many: int = 400) -> tuple[Headers, Sequence[Header]]:
    """Return the fields in the lines of a head, and those among them that matter for the message itself."""
    headers: Headers = []
    framing: Sequence[Header] = ()
    remembered = _lines
    if not block:
        return headers, framing
    for line in block.split(b"\r\n"):
        known = remembered.get(line)
        if known is None:
            known = _field(line, too_many=too_many)
        headers.append(known[0])
        if known[1]:
            framing = (*framing, known[0])
    if len(headers) > FIELDS_MAX:
        raise Malformed("too many fields", status=too_many)
    return headers, framing


def _field(line: bytes, *, too_many: int) -> tuple[Header, bool]:
    if not _FIELD.fullmatch(line):
        raise Malformed("a field is malformed")
    if len(line) > FIELD_MAX:
        raise Malformed("a field is too large", status=too_many)
    name, _, value = line.partition(b":")
    name = name.lower()
    field = (name, value.strip(b" \t")), name in _FRAMING
    if len(line) <= _REMEMBERED_BYTES:
        if len(_lines) >= _REMEMBERED_MAX:
            _lines.clear()
        _lines[line] = field
    return field


def _request_length(framing: Sequence[Header], *, modern: bool) -> int | None:
    lengths = [value for name, value in framing if name == b"content-length"]
    codings = [value for name, value in framing if name == b"transfer-encoding"]
    if not codings:
        if len(lengths) != 1:
            raise Malformed("Content-Length must be one number")
        return _length(lengths[0])
    if lengths:
        raise Malformed("both Content-Length and Transfer-Encoding")
    if not modern:
        raise Malformed("Transfer-Encoding in HTTP/1.0")
    if len(codings) != 1 or codings[0].lower() != b"chunked":
        raise Malformed("only Transfer-Encoding: chunked is understood", status=501)
    return None


def _length(value: bytes) -> int:
    if not _LENGTH.fullmatch(value) or len(value) > _DIGITS_MAX:
        raise Malformed("Content-Length must be one number")
    return int(value)


def _options(value: bytes) -> set[bytes]:
    return {option.strip().lower() for option in value.split(b",")}


def _origin_form(method: bytes, target: bytes, host: bytes | None) -> bytes:
    if target == b"*" and method == b"OPTIONS":
        return target
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise Malformed("the target is no path")
    # A proxy in front may have gone by the one, and we by the other.
    if host is None or match[1].lower() != host.lower():
        raise Malformed("the target names another host than Host")
    return (match[2] or b"/") + (match[3] or b"")


def _odd_request_line(line: bytes) -> Malformed:
    version = _VERSION.search(line)
    if version and version[1] + version[2] not in {b"10", b"11"}:
        return Malformed("only HTTP/1.1 is spoken here", status=505)
    return Malformed("no request line")
