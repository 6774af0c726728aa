"""Another reader of HTTP/1.1, llhttp, to hold ours against, and bytes for both to read."""

from __future__ import annotations

from dataclasses import dataclass, field

import httptools
from hypothesis import strategies as st

KNOWN_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE")
"""What both readers know. Ours takes any token for a method, llhttp does not."""


@dataclass
class Reading:
    """What llhttp has read of one message."""

    target: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    head_whole: bool = False
    whole: bool = False
    keep_alive: bool = False
    parser: httptools.HttpRequestParser | httptools.HttpResponseParser | None = None

    def on_url(self, url: bytes) -> None:
        if not self.whole:
            self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind the head is a trailer.
        if not self.head_whole:
            self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.head_whole = True
        assert self.parser is not None
        self.keep_alive = self.parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole = True


class Other:
    """llhttp, reading one message as it comes. `refused` says what it did not like; None while it has not."""

    def __init__(self, *, answers: bool = False) -> None:
        self.reading = Reading()
        self._parser = (
            httptools.HttpResponseParser(self.reading) if answers else httptools.HttpRequestParser(self.reading)
        )
        self.reading.parser = self._parser
        self.refused: str | None = None
        self.upgraded = False

    def feed(self, data: bytes) -> Reading:
        try:
            if self.refused is None and not self.upgraded:
                self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.upgraded = True
        except httptools.HttpParserError as error:
            self.refused = str(error)
        return self.reading

    @property
    def method(self) -> bytes:
        assert isinstance(self._parser, httptools.HttpRequestParser)
        return self._parser.get_method()

    @property
    def status(self) -> int:
        assert isinstance(self._parser, httptools.HttpResponseParser)
        return self._parser.get_status_code()


INTERESTING = (
    b"\r", b"\n", b"\r\n", b"\r\n ", b"\0", b" ", b"\t", b":", b",", b";", b"\x0b", b"\x7f", b"\x80", b"\xff", b"#",
    b"0", b"1", b"+", b"-", b"_", b"0x", b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"\r\nContent-Length: 3",
    b"\r\nContent-Length: 4",
    b"\r\nTransfer-Encoding: chunked", b"\r\nTransfer-Encoding: gzip, chunked", b"\r\nHost: a", b"\r\nHost: b",
    b"\r\nConnection: close", b"chunked", b", chunked", b"\r\n\r\n", b"http://a", b"?",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes that were well formed before something in them was replaced, left out, put in or repeated."""
    data = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 4)))
        piece = draw(st.one_of(st.sampled_from(INTERESTING), st.binary(max_size=2)))
        change = draw(st.sampled_from(("replace", "insert", "drop", "repeat")))
        if change == "repeat":
            piece = data[start:end]
        rest = end if change in {"replace", "drop"} else start
        data = data[:start] + (b"" if change == "drop" else piece) + data[rest:]
    return data


TOKENS = st.text("!#$%&'*+-.^_`|~0123456789abcdefXYZ", min_size=1, max_size=12).map(str.encode)
VALUES = st.binary(max_size=24).map(lambda raw: bytes(c for c in raw if c == 9 or 32 <= c < 127 or c >= 128))
SPACES = st.sampled_from((b"", b" ", b"\t", b"  \t"))
PLAIN_FIELDS = st.builds(
    lambda name, before, value, after: name + b":" + before + value + after, TOKENS, SPACES, VALUES, SPACES
)
