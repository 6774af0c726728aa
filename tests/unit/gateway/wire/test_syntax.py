"""What our reading of a head says, llhttp says too; and nothing else ever comes of any bytes."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.wire.syntax import (
    FIELDS_MAX,
    HEAD_MAX,
    Malformed,
    RequestHead,
    ResponseHead,
    request_head,
    response_head,
    trailers,
    unfinished,
)
from tests.unit.gateway.wire.reader import KNOWN_METHODS, PLAIN_FIELDS, TOKENS, Other, mutated

END = b"\r\n\r\n"
LONGEST = 2000
"""Bytes of a body that are worth sending to see where it ends."""

TARGETS = st.one_of(
    st.sampled_from(
        (b"/", b"/?", b"/products?", b"*", b"http://a/x?y", b"http://a", b"https://A?z", b"http://b/", b"a:1")
    ),
    st.text("/abc%20?&=;:@!$'()*+,~\"`{}|^\\[]<>", max_size=20).map(lambda rest: b"/" + rest.encode()),
)
FRAMING = st.sampled_from(
    (
        b"Content-Length: 0", b"Content-Length: 3", b"content-length:\t7 ", b"Content-Length: 007",
        b"Content-Length: 3, 3",
        b"Content-Length: +3", b"Content-Length: 0x3", b"Content-Length:", b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked", b"transfer-encoding: Chunked ", b"Transfer-Encoding: gzip",
        b"Transfer-Encoding:",
        b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: xchunked", b"Host: a", b"Host: b", b"Host: a:80",
        b"Host: a b", b"Host:", b"Connection: close", b"Connection: Keep-Alive", b"connection: x, CLOSE ,y",
        b"Connection: closed", b"Expect: 100-continue", b"Expect: 200-ok", b"Content_Length: 5", b"Content-Length : 5",
        b"Upgrade: websocket", b"Keep-Alive: 5",
    )
)  # fmt: skip
VERSIONS = st.sampled_from((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"))


@st.composite
def requests(draw: st.DrawFn, *, well: bool = False) -> bytes:
    """A request's head without its end; with `well` one that nobody could find fault with."""
    method = draw(st.sampled_from(KNOWN_METHODS))
    target = draw(TARGETS.filter(lambda target: target.startswith(b"/")) if well else TARGETS)
    version = b"HTTP/1.1" if well else draw(VERSIONS)
    fields = draw(st.lists(PLAIN_FIELDS.filter(_says_nothing), max_size=6))
    if well:
        fields.append(b"Host: a")
        fields += draw(st.sampled_from(([], [b"Content-Length: 3"], [b"Transfer-Encoding: chunked"])))
    else:
        fields += draw(st.lists(FRAMING, max_size=3)) + draw(st.sampled_from(([b"Host: a"], [b"Host: a"], [])))
    return b"\r\n".join([method + b" " + target + b" " + version, *draw(st.permutations(fields))])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer's head without its end."""
    status = b"%d" % draw(st.sampled_from((200, 201, 404, 421, 500, 503)))
    reason = draw(st.sampled_from((b"", b" ", b" OK", b" Not \x80 Found", b" \t")))
    fields = draw(st.lists(PLAIN_FIELDS.filter(_says_nothing), max_size=6)) + draw(st.lists(FRAMING, max_size=2))
    return b"\r\n".join([draw(VERSIONS) + b" " + status + reason, *draw(st.permutations(fields))])


def _says_nothing(line: bytes) -> bool:
    names = {b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade"}
    return line.partition(b":")[0].lower() not in names


@dataclass(frozen=True)
class Said:
    """What a request's head says, by our reading."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    length: int | None
    keep_alive: bool
    expects_continue: bool


def said_in(head: bytes, before: RequestHead | None = None) -> Said:
    """Read a head; Malformed."""
    read = request_head(head, before)
    fields = read.fields
    return Said(
        read.method, read.target, list(fields.headers), fields.length, fields.keep_alive, fields.expects_continue
    )


def read(head: bytes) -> Said | None:
    try:
        return said_in(head)
    except Malformed as error:
        assert 400 <= error.status <= 505
        return None


def agree(head: bytes, ours: Said) -> None:
    """Assert that llhttp takes the same head, and reads the same in it."""
    said = head.split(b" ", 1)[0]
    if said not in KNOWN_METHODS:
        # Any token is a method to us: which are answered is not for a parser to say.
        head = b"POST" + head[len(said) :]
    # White space around a value may be tabs (RFC 9110, 5.6.3); llhttp has it otherwise behind a coding.
    head = re.sub(rb"(?im)^(transfer-encoding:[^\r\n]*?)[ \t]+(?=\r|\Z)", rb"\1", head)
    other = Other()
    reading = other.feed(head + END)
    assert (other.refused, reading.head_whole) == (None, True), (head, ours)
    assert ours.method.encode() == (other.method if said in KNOWN_METHODS else said)
    if reading.target[:1] in {b"/", b"*"}:
        assert ours.target == reading.target
    else:
        # In absolute form: of that we take what is behind the host.
        assert reading.target.endswith(ours.target.removeprefix(b"/"))
    assert ours.headers == reading.headers
    assert not ours.keep_alive or reading.keep_alive
    if other.upgraded:
        return
    if ours.length is None:
        assert not reading.whole
        other.feed(b"3\r\nabc\r\n0\r\n")
        assert other.refused is None and not reading.whole
        other.feed(b"\r\n")
        assert (reading.body, reading.whole) == (b"abc", True)
    elif ours.length == 0:
        assert reading.whole
    else:
        assert not reading.whole
        if ours.length <= LONGEST:
            other.feed(b"x" * (ours.length - 1))
            assert not reading.whole
            other.feed(b"x")
            assert (reading.body, reading.whole) == (b"x" * ours.length, True)


@given(requests())
@settings(max_examples=400, deadline=None)
def test_a_request_that_we_accept_is_read_alike_by_another_parser(head):
    ours = read(head)
    event("accepted" if ours else "refused")
    if ours is not None:
        agree(head, ours)


@given(requests(well=True))
@settings(deadline=None)
def test_a_request_without_fault_is_accepted(head):
    ours = said_in(head)
    assert ours.keep_alive and not ours.expects_continue
    agree(head, ours)


@given(mutated(requests(well=True)))
@settings(max_examples=800, deadline=None)
def test_a_request_with_something_changed_is_refused_or_read_alike(data):
    head = (data + END).partition(END)[0]
    ours = read(head)
    event("accepted" if ours else "refused")
    if ours is not None:
        agree(head, ours)


def agree_on_answer(head: bytes, ours: ResponseHead) -> None:
    """Assert that llhttp takes the same answer's head, and reads the same in it."""
    head = re.sub(rb"(?im)^(transfer-encoding:[^\r\n]*?)[ \t]+(?=\r|\Z)", rb"\1", head)
    other = Other(answers=True)
    reading = other.feed(head + END)
    assert (other.refused, reading.head_whole) == (None, True), (head, ours)
    assert (ours.status, ours.headers) == (other.status, reading.headers)
    if other.upgraded or ours.status < 200 or ours.status in {204, 304}:
        return
    if ours.chunked:
        assert not reading.whole
        other.feed(b"3\r\nabc\r\n0\r\n\r\n")
        assert (reading.body, reading.whole) == (b"abc", True)
    elif ours.length is None:
        other.feed(b"x" * LONGEST)
        # Its end is the connection's.
        assert (reading.body, reading.whole) == (b"x" * LONGEST, False)
    elif ours.length <= LONGEST:
        assert reading.whole is (ours.length == 0)
        other.feed(b"x" * ours.length)
        assert (reading.body, reading.whole) == (b"x" * ours.length, True)


@given(st.one_of(answers(), mutated(answers())))
@settings(max_examples=800, deadline=None)
def test_an_answer_that_we_accept_is_read_alike_by_another_parser(data):
    head = (data + END).partition(END)[0]
    try:
        ours = response_head(head)
    except Malformed:
        event("refused")
        return
    event("accepted")
    agree_on_answer(head, ours)


ANYTHING = st.one_of(
    st.binary(max_size=200),
    mutated(requests()),
    mutated(answers()),
    st.text("GET /:\r\n HTP1.0hosta", max_size=60).map(str.encode),
)


@pytest.mark.parametrize("reader", [request_head, response_head, trailers, unfinished])
@given(data=ANYTHING)
@settings(max_examples=300, deadline=None)
def test_nothing_but_malformed_comes_of_any_bytes(reader, data):
    try:
        reader(data)
    except Malformed as error:
        assert 400 <= error.status <= 505
        assert str(error).isascii()


def outcome(reader, head: bytes) -> object:
    try:
        return reader(head)
    except Malformed as error:
        return str(error), error.status


@given(st.lists(st.one_of(mutated(requests(well=True)), requests(), answers()), min_size=1, max_size=8))
@settings(deadline=None)
def test_reading_twice_gives_the_same(heads):
    for reader in (said_in, response_head):
        first = [outcome(reader, head) for head in heads]
        # Lines of one head are remembered while the others are read.
        assert [outcome(reader, head) for head in reversed(heads)] == first[::-1]


def test_ten_thousand_other_lines_change_no_answer():
    heads = [
        b"GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nContent-Length: 3",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-One : 1",
        b"GET / HTTP/1.1\r\nHost: a/b",
        b"GET / HTTP/1.1\r\nhost: a\r\nConnection: close",
    ]
    before = [outcome(said_in, head) for head in heads]
    for number in range(10_000):
        request_head(b"GET / HTTP/1.1\r\nHost: h%d\r\nX-%d: %d" % (number, number, number))
    assert [outcome(said_in, head) for head in heads] == before
    assert isinstance(before[0], Said) and before[0].length == 3


@given(
    st.lists(st.one_of(requests(well=True), requests(), mutated(requests(well=True))), min_size=1, max_size=3),
    st.lists(st.integers(0, 2), min_size=2, max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_the_request_before_on_the_connection_changes_no_answer(heads, order):
    before: RequestHead | None = None
    for index in order:
        head = heads[index % len(heads)]
        assert outcome(lambda head: said_in(head, before), head) == outcome(said_in, head)  # noqa: B023
        with suppress(Malformed):
            before = request_head(head, before)


@given(requests())
@settings(deadline=None)
def test_the_same_fields_behind_another_line_are_read_anew(first):
    # The line says the version, and the method and target what the fields may be.
    block = first.partition(b"\r\n")[2]
    with suppress(Malformed):
        before = request_head(first)
        for line in (b"GET / HTTP/1.0", b"POST / HTTP/1.1", b"GET http://a/ HTTP/1.1", b"OPTIONS * HTTP/1.1"):
            head = line + b"\r\n" + block
            assert outcome(lambda head: said_in(head, before), head) == outcome(said_in, head)


@given(requests(well=True), st.integers(0, 400))
@settings(deadline=None)
def test_a_head_that_may_become_good_is_never_given_up(head, length):
    unfinished((head + END)[: min(length, len(head) + 3)])


@pytest.mark.parametrize(
    ("begun", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a", 400),
        (b"GET / HTTP/1.1\r\nHost: a\rb", 400),
        (b"x" * 9000, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_MAX, 431),
    ],
)
def test_a_head_that_can_only_become_bad_is_refused_before_its_end(begun, status):
    with pytest.raises(Malformed) as caught:
        unfinished(begun)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1", 400),
        (b"GET / HTTP/2.0\r\nHost: a", 505),
        (b"GET / HTTP/1.2\r\nHost: a", 505),
        (b"GET  / HTTP/1.1\r\nHost: a", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a", 501),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a", 414),
        (b"GET / HTTP/1.1\r\nHost: a" + b"\r\nX: 1" * FIELDS_MAX, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000, 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip", 501),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok", 417),
    ],
)
def test_a_refusal_says_what_for(head, status):
    with pytest.raises(Malformed) as caught:
        request_head(head)
    assert caught.value.status == status


@given(TOKENS)
def test_any_token_is_a_method(token):
    assert request_head(token + b" / HTTP/1.1\r\nHost: a").method == token.decode()
