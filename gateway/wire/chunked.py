"""Bodies in chunks (RFC 9112, section 7.1), read strictly. Pure: no I/O."""

from __future__ import annotations

import re
from typing import Final

from gateway.wire.syntax import Malformed, trailers

_LINE_MAX: Final = 1024
"""Bytes of a chunk's size with its extensions: nobody uses them for more than mischief."""
_TRAILERS_MAX: Final = 16 * 1024
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")


class Chunks:
    """Takes a chunked body apart as it comes. Trailers are checked and dropped."""

    __slots__ = ("_buffer", "_left", "_state", "done")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        self._state = "size"
        self.done = False
        """Whether the last chunk and its trailers have come."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes and return the pieces of the body in them; Malformed when they are none."""
        buffer = self._buffer + data if self._buffer else data
        pieces: list[bytes] = []
        position = 0
        while not self.done:
            if self._state == "data":
                piece = buffer[position : position + self._left]
                if not piece:
                    break
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = "end"
            elif self._state == "end":
                mark = buffer[position : position + 2]
                if mark != b"\r\n"[: len(mark)]:
                    raise Malformed("a chunk is longer than it said")
                if len(mark) < 2:
                    break
                position += 2
                self._state = "size"
            elif self._state == "size":
                end = _line_end(buffer, position)
                if end < 0:
                    break
                self._left = _size(buffer[position:end])
                position = end + 2
                self._state = "data" if self._left else "trailers"
            else:
                end = self._trailers_end(buffer, position)
                if end < 0:
                    break
                position = end
                self.done = True
        self._buffer = buffer[position:]
        return pieces

    def rest(self) -> bytes:
        """Return the bytes behind the body, which are not the body's."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _trailers_end(self, buffer: bytes, position: int) -> int:
        if buffer[position : position + 2] == b"\r\n":
            return position + 2
        end = buffer.find(b"\r\n\r\n", position)
        # Refused for what has come alike whether it came at once or bit by bit.
        if (end if end >= 0 else len(buffer) - 3) - position > _TRAILERS_MAX:
            raise Malformed("the trailers are too large")
        if end < 0:
            return -1
        trailers(buffer[position : end + 2])
        return end + 4


def _line_end(buffer: bytes, position: int) -> int:
    end = buffer.find(b"\r\n", position)
    if end < 0:
        begun = buffer[position:]
        if len(begun) > _LINE_MAX + begun.endswith(b"\r") or b"\n" in begun or b"\r" in begun[:-1]:
            raise Malformed("no size of a chunk")
    return end


def _size(line: bytes) -> int:
    match = _SIZE_LINE.fullmatch(line) if len(line) <= _LINE_MAX else None
    if match is None:
        raise Malformed("no size of a chunk")
    return int(match[1], 16)


def chunk(data: bytes) -> bytes:
    """Return the data as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST: Final = b"0\r\n\r\n"
