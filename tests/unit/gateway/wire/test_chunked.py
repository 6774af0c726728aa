"""A chunked body is taken apart alike in one piece and in many, and as llhttp takes it apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.wire.chunked import LAST, Chunks, chunk
from gateway.wire.syntax import Malformed
from tests.unit.gateway.wire.reader import PLAIN_FIELDS, VALUES, Other, mutated

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
BEHIND = b"GET /next HTTP/1.1\r\n"


@dataclass(frozen=True)
class Taken:
    """What came of a stream. Where it is refused, how much of the body came before that is of no account."""

    result: str
    body: bytes = b""
    rest: bytes = b""


def take(pieces: list[bytes]) -> Taken:
    chunks = Chunks()
    body: list[bytes] = []
    rest = b""
    done = False
    try:
        for piece in pieces:
            if done:
                rest += piece
                continue
            body += chunks.feed(piece)
            if chunks.done:
                done, rest = True, chunks.rest()
    except Malformed:
        return Taken("refused")
    return Taken("whole" if chunks.done else "open", b"".join(body), rest)


@st.composite
def streams(draw: st.DrawFn, *, extensions: bool = True) -> bytes:
    """A chunked body, to its end."""
    stream = b""
    for data in draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5)):
        size = b"%x" % len(data)
        size = draw(st.sampled_from((size, size.upper(), size.zfill(4))))
        if extensions and draw(st.booleans()):
            size += draw(st.sampled_from((b";", b" ;", b"\t;"))) + draw(VALUES)
        stream += size + b"\r\n" + data + b"\r\n"
    stream += draw(st.sampled_from((b"0\r\n", b"000\r\n")))
    for line in draw(st.lists(PLAIN_FIELDS, max_size=2)):
        stream += line + b"\r\n"
    return stream + b"\r\n"


@given(streams(extensions=False))
@settings(deadline=None)
def test_a_stream_is_read_alike_by_another_parser(stream):
    other = Other()
    reading = other.feed(HEAD + stream)
    assert (other.refused, reading.whole) == (None, True)
    assert take([stream]) == Taken("whole", reading.body)


@given(mutated(streams(extensions=False)))
@settings(max_examples=800, deadline=None)
def test_a_stream_with_something_changed_is_refused_or_read_alike(stream):
    ours = take([stream])
    event(ours.result)
    if ours.result != "whole":
        # What has not come to its end may be refused by either before it does.
        return
    other = Other()
    reading = other.feed(HEAD + stream[: len(stream) - len(ours.rest)])
    if other.refused and re.search("Content-Length|Transfer-Encoding", other.refused):
        # In trailers, where they mean nothing: ours drops them with all the rest.
        return
    if other.refused and re.search("chunk (extensions|size)", other.refused) and b";" in stream:
        # The one thing in which llhttp is stricter: what an extension may be, and whether white space may be before it.
        # Nobody goes by either, and what is no size is refused by both: without them they are read alike.
        stream = re.sub(rb"(?m)^([0-9A-Fa-f]{1,12})[ \t]*;[^\r\n]*", rb"\1", stream)
        other = Other()
        reading = other.feed(HEAD + stream[: len(stream) - len(ours.rest)])
    assert other.refused is None, (stream, other.refused)
    assert (reading.whole, reading.body) == (True, ours.body)


@given(st.one_of(streams(), mutated(streams())), st.data())
@settings(max_examples=300, deadline=None)
def test_where_it_is_split_makes_no_difference(stream, data):
    stream += data.draw(st.sampled_from((b"", BEHIND)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert take(pieces) == take([stream])


@pytest.mark.parametrize(
    "stream",
    [
        b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\nOther: o\r\n\r\n" + BEHIND,
        b"1\r\na\r\n0\r\n\r\n" + BEHIND,
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"0\r\nbad trailer\r\n\r\n",
        b"0\r\n\n\r\n\r\n",
        b"g\r\n",
        b"1" * 13 + b"\r\n",
        b"3;" + b"x" * 1022 + b"\r\nabc\r\n0\r\n\r\n",
        b"3;" + b"x" * 1023 + b"\r\nabc\r\n0\r\n\r\n",
        b"0\r\n" + b"X: 0123456789012345678901234567890123456789\r\n" * 400 + b"\r\n",
        b"0\r\n" + (b"X: " + b"x" * 8000 + b"\r\n") * 3 + b"\r\n",
    ],
)
def test_it_may_be_split_anywhere(stream):
    whole = take([stream])
    step = max(1, len(stream) // 500)
    for cut in sorted({*range(0, len(stream), step), *range(max(0, 1020), min(len(stream), 1035))}):
        assert take([stream[:cut], stream[cut:]]) == whole, cut
    assert take([stream[i : i + 1] for i in range(len(stream))]) == whole


@given(streams())
@settings(deadline=None)
def test_extensions_and_trailers_change_nothing_of_the_body(stream):
    taken = take([stream + BEHIND])
    assert (taken.result, taken.rest) == ("whole", BEHIND)


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(max_examples=300, deadline=None)
def test_nothing_but_malformed_comes_of_any_bytes(pieces):
    chunks = Chunks()
    try:
        for piece in pieces:
            chunks.feed(piece)
    except Malformed:
        pass


@given(st.lists(st.binary(min_size=1, max_size=500)))
def test_what_we_write_we_read(pieces):
    stream = b"".join(map(chunk, pieces)) + LAST
    assert take([stream]) == Taken("whole", b"".join(pieces))


@pytest.mark.parametrize(
    "stream",
    [
        b"\r\n", b" 3\r\nabc\r\n", b"+3\r\nabc\r\n", b"-1\r\n", b"0x3\r\nabc\r\n", b"3 \r\nabc\r\n", b"3\r\r\nabc\r\n",
        b"3;a\nb\r\nabc\r\n", b"3;a\rb\r\nabc\r\n", b"3;\0\r\nabc\r\n", b"3\r\nabcX\r\n", b"3\r\nabc\r\r\n", b"1_0\r\n",
        b"0\r\n Folded: 1\r\n\r\n", b"0\r\nA : 1\r\n\r\n", b"0\r\nA: 1\nB: 2\r\n\r\n", b"ffffffffffffffff\r\n",
    ],
)  # fmt: skip
def test_what_is_no_chunk_is_refused(stream):
    assert take([stream]).result == "refused"
