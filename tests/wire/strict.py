"""Requests and answers as RFC 9112 spells them, and not one octet more liberal. Pure: bytes in, messages out.

ValueError
  Malformed           these bytes are no such message, whatever follows
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Field = tuple[bytes, bytes]

END_OF_HEAD: Final = b"\r\n\r\n"
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([!-\"$-~]+) HTTP/1\.1")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: ([\t -~\x80-\xff]*))?")
_FIELD_LINE: Final = re.compile(
    rb"(" + _TOKEN + rb"):[ \t]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*"
)
_CHUNK_LINE: Final = re.compile(rb"([0-9a-fA-F]{1,15})\r\n")
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")


class Malformed(ValueError):
    """These bytes are no such message, whatever follows."""


@dataclass(frozen=True, slots=True)
class Head:
    """A start line's parts and the fields after it, in order, names in lower case."""

    start: tuple[bytes, ...]
    fields: tuple[Field, ...]

    def values(self, name: bytes) -> list[bytes]:
        """Return every value under a lower-case name."""
        return [value for known, value in self.fields if known == name]

    def single(self, name: bytes) -> bytes:
        """Return the value of a field that must come exactly once; Malformed else."""
        found = self.values(name)
        if len(found) != 1:
            raise Malformed(f"{name!r} came {len(found)} times")
        return found[0]


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request, its body without the framing."""

    head: Head
    body: bytes

    @property
    def method(self) -> bytes:
        return self.head.start[0]

    @property
    def target(self) -> bytes:
        return self.head.start[1]


def request_head(data: bytes) -> Head:
    """Return a request's head from its bytes without the empty line at the end; Malformed."""
    head = _head(data, _REQUEST_LINE)
    head.single(b"host")
    return head


def answer_head(data: bytes) -> Head:
    """Return an answer's head (status, reason) from its bytes without the empty line at the end; Malformed."""
    return _head(data, _STATUS_LINE)


def take_request(data: bytes) -> tuple[Request, bytes] | None:
    """Return the first request and the bytes after it, None while it is not whole; Malformed."""
    before, end, rest = data.partition(END_OF_HEAD)
    if not end:
        return None
    head = request_head(before)
    if head.values(b"transfer-encoding"):
        if head.values(b"content-length") or head.single(b"transfer-encoding") != b"chunked":
            raise Malformed("a body framed in two ways, or in an unknown one")
        whole = take_chunked(rest)
        return None if whole is None else (Request(head, whole[0]), whole[1])
    length = content_length(head) or 0
    return (Request(head, rest[:length]), rest[length:]) if len(rest) >= length else None


def take_chunked(data: bytes) -> tuple[bytes, bytes] | None:
    """Return a chunked body, decoded, and the bytes after it; None while it is not whole. No trailers; Malformed."""
    body = b""
    while True:
        line = _CHUNK_LINE.match(data)
        if line is None:
            if b"\n" in data or len(data) > 17:
                raise Malformed(f"no chunk size: {data[:20]!r}")
            return None
        size = int(line[1], 16)
        chunk, ending, data = data[line.end() :][:size], data[line.end() + size :][:2], data[line.end() + size + 2 :]
        if len(chunk) < size or len(ending) < 2:
            return None
        if ending != b"\r\n":
            raise Malformed("a chunk is not as long as it says")
        if not size:
            return body, data
        body += chunk


def content_length(head: Head) -> int | None:
    """Return how long the body says it is; Malformed when it says so twice or in no number."""
    if not head.values(b"content-length"):
        return None
    digits = head.single(b"content-length")
    if not _DIGITS.fullmatch(digits):
        raise Malformed(f"a length of {digits!r}")
    return int(digits)


def _head(data: bytes, start_line: re.Pattern[bytes]) -> Head:
    first, *lines = data.split(b"\r\n")
    start = start_line.fullmatch(first)
    if start is None:
        raise Malformed(f"start line {first[:80]!r}")
    return Head(tuple(part or b"" for part in start.groups()), tuple(_fields(lines)))


def _fields(lines: Sequence[bytes]) -> list[Field]:
    found = []
    for line in lines:
        field = _FIELD_LINE.fullmatch(line)
        if field is None:
            raise Malformed(f"field line {line[:80]!r}")
        found.append((field[1].lower(), field[2]))
    return found
