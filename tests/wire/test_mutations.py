"""Whatever is sent, an upstream receives whole requests that were answered, and nothing else."""

import random
from collections.abc import Callable
from typing import Final

import pytest

from tests.wire.build import PATH, chunked, get, post
from tests.wire.client import Client
from tests.wire.conftest import Wire
from tests.wire.strict import Malformed

SEEDS: Final = 400
SEEDS_PER_TEST: Final = 50

SOUND: Final = (
    get(b"Accept: */*", b"X-A: 1"),
    get(target=b"/products?search=lamp&page=2"),
    get(method=b"HEAD"),
    post(b"Content-Length: 5", body=b"hello"),
    post(b"Content-Length: 5", b"Connection: X-A", b"X-A: 1", body=b"hello") + get(),
    chunked(body=b"5\r\nhello\r\n0\r\n\r\n"),
    chunked(b"Trailer: X-T", body=b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n") + get(),
    get() + get(target=b"/products/2") + get(target=b"/products/3"),
)
ODD: Final = (
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\t",
        b" ",
        b"\x00",
        b"\x0b",
        b"\x7f",
        b"\x80",
        b"\xff",
        b":",
        b",",
        b";",
    ),
    *(b"0\r\n\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(
        b"Transfer-Encoding: identity\r\n",
        b"Host: other.example\r\n",
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
    ),
    *(
        get(target=b"/products/HIDDEN"),
        b"HTTP/1.0",
        b"HTTP/1.1",
        b"http://shop.example",
        b"chunked",
        b"-",
        b"+",
        b"0x",
        b"f" * 17,
    ),
)


def _replaced(source: random.Random, data: bytes) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + bytes([source.randrange(256)]) + data[at + 1 :]


def _inserted(source: random.Random, data: bytes) -> bytes:
    at = source.randrange(len(data) + 1)
    return data[:at] + source.choice(ODD) + data[at:]


def _cut(source: random.Random, data: bytes) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + data[at + source.randint(1, 8) :]


def _line_repeated(source: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(source.randrange(1, len(lines) + 1), source.choice(lines))
    return b"\r\n".join(lines)


def _line_end_changed(source: random.Random, data: bytes) -> bytes:
    parts = data.split(b"\r\n")
    at = source.randrange(1, len(parts))
    return b"\r\n".join(parts[:at]) + source.choice((b"\n", b"\r", b"\n\r", b"\r\r\n", b"")) + b"\r\n".join(parts[at:])


MUTATIONS: Final[tuple[Callable[[random.Random, bytes], bytes], ...]] = (
    _replaced,
    _inserted,
    _cut,
    _line_repeated,
    _line_end_changed,
)


def mutated(seed: int) -> bytes:
    """Return a sound request, or several, with up to three things changed."""
    source = random.Random(seed)
    data = source.choice(SOUND)
    for _ in range(source.randint(1, 3)):
        data = source.choice(MUTATIONS)(source, data) or b"\r\n"
    return data


def answers(client: Client, sent: bytes) -> list[bytes]:
    """Return which of the upstream's answers came, read to the end of the connection."""
    client.send(sent)
    client.end()
    told = client.rest()
    return [line.removeprefix(b"x-answer: ") for line in told.lower().split(b"\r\n") if line.startswith(b"x-answer: ")]


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST), ids=lambda first: f"from {first}")
def test_an_upstream_receives_what_was_answered_and_nothing_else(wire: Wire, first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        sent = mutated(seed)
        wire.begin(numbered=True)
        with wire.client() as client:
            told = answers(client, sent)
        wire.require_serving()
        assert not wire.upstream.malformed, (seed, sent)
        requests = wire.upstream.requests
        assert told == [b"%d" % number for number in range(len(requests))], (seed, sent)
        for received in requests:
            wire.require_ours(received)
            assert received.request.target in sent, (seed, sent)


def test_the_check_would_notice_two_requests_in_one(wire: Wire) -> None:
    # The recorder, spoken to directly: it is what everything here rests on.
    with Client(int(wire.upstream.host("legacy").rpartition(b":")[2])) as client:
        client.send(get(target=PATH) + get(target=b"/products/HIDDEN"))
        client.rest()
    wire.stack.wait_until(lambda: bool(wire.upstream.malformed), what="the recorder's complaint")


@pytest.mark.parametrize("odd", [b"\n", b"\r", b"\x00", b" : "], ids=["LF", "CR", "NUL", "space before the colon"])
def test_the_check_would_notice_what_is_not_strict(wire: Wire, odd: bytes) -> None:
    from tests.wire.strict import request_head

    with pytest.raises(Malformed):
        request_head(b"GET / HTTP/1.1\r\nHost: a\r\nX" + odd + b"Y: 1")
