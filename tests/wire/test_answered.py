"""What the client sees of an upstream's answer, good or not."""

import json

import pytest

from tests.wire import answered, nonsense
from tests.wire.answered import Answered
from tests.wire.build import PATH, get, lines, ok, post
from tests.wire.client import Client, Reply
from tests.wire.conftest import Wire
from tests.wire.nonsense import Nonsense
from tests.wire.upstream import CANARY, OK, Answer, Ending

# What the gateway or its server says itself, beside what frames the answer.
OURS = {
    b"connection",
    b"content-length",
    b"date",
    b"keep-alive",
    b"server",
    b"transfer-encoding",
    b"via",
    b"x-request-id",
}


def require_problem(reply: Reply, status: int) -> None:
    assert (reply.status, reply.whole) == (status, True)
    assert reply.head.single(b"content-type") == b"application/problem+json"
    assert json.loads(reply.body)["status"] == status


def canary(wire: Wire, client: Client) -> None:
    """Assert that the next request on the client's connection has its own answer."""
    client.send(get(target=CANARY))
    reply = client.read()
    assert (reply.status, reply.body) == (200, b"canary")


def require_no_help(wire: Wire, reply: Reply) -> None:
    """Assert that the client was told that there is no answer, or was given the other side's."""
    asked = [received.connection.component for received in wire.upstream.requests]
    if reply.status == 200 and reply.body == b"elsewhere":
        assert asked.count("products") == 1
    else:
        require_problem(reply, 502)
        assert "products" not in asked


@pytest.mark.parametrize("case", answered.CASES, ids=lambda case: case.name)
def test_an_answer_reaches_the_client(wire: Wire, case: Answered) -> None:
    wire.begin(case.answer)
    with wire.client() as client:
        client.send(case.sent)
        reply = client.read(case.method)
        assert (reply.status, reply.body, reply.whole) == (case.status, case.body, True), case.why
        passed = [field for field in reply.head.fields if field[0] not in OURS]
        assert passed == list(case.passed), case.why
        assert reply.head.single(b"via") == b"1.1 techcommerce-gateway"
        if case.status == 204:
            assert not reply.head.values(b"content-length") and not reply.head.values(b"transfer-encoding")
        # Nothing more was left on either connection: the next answer is the next request's.
        canary(wire, client)
    first = wire.received().connection
    assert (wire.upstream.canaries[0].connection is first) == case.reused or case.reused is None


@pytest.mark.parametrize("case", nonsense.CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("method", [b"GET", b"POST"], ids=["GET", "POST"])
def test_nonsense_is_not_relayed(wire: Wire, case: Nonsense, method: bytes) -> None:
    wire.begin(case.answer)
    with wire.client() as client:
        client.send(get() if method == b"GET" else post(b"Content-Length: 5", body=b"hello"))
        reply = client.read()
        if method == b"GET":
            require_no_help(wire, reply)
        else:
            require_problem(reply, 502)
        assert nonsense.MARK not in reply.body and reply.interim == ()
        canary(wire, client)
    # A read may be asked again of the other side, never of the same one; a write is sent once.
    asked = [received.connection.component for received in wire.upstream.requests]
    assert asked in (["legacy"], ["legacy", "products"][: 2 if method == b"GET" else 1])
    assert wire.upstream.canaries[0].connection not in {one.connection for one in wire.upstream.requests}


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        (lines(b"HTTP/1.1 200 OK", b"Content-Length: 10", body=b"hello"), b"hello"),
        (lines(b"HTTP/1.1 200 OK", b"Content-Length: 10"), b""),
        (lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), b"hello"),
        (lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", body=b"a\r\nhello"), b"hello"),
        (lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\nzz\r\n"), b"hello"),
        (lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n"), b"hello"),
        (lines(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", body=b"5\r\nhelloX\r\n0\r\n\r\n"), b"hello"),
    ],
    ids=[
        "a length",
        "a length and no body at all",
        "the last chunk",
        "the middle of a chunk",
        "a bad chunk size",
        "the line end after the last chunk",
        "a chunk's line end",
    ],
)
@pytest.mark.parametrize("then", ["close", "reset"])
def test_an_answer_that_breaks_off_is_not_passed_off_as_whole(
    wire: Wire, sent: bytes, came: bytes, then: Ending
) -> None:
    wire.begin(Answer(sent, then))
    with wire.client() as client:
        client.send(get())
        reply = client.read()
        if reply.whole:
            # It was noticed before anything was relayed.
            require_no_help(wire, reply)
        else:
            assert reply.status == 200 and came in (b"", *reply.body.split(b"\r\n"))
            assert client.rest() == b""
    wire.require_serving()


@pytest.mark.parametrize("field", [b"Content-Length: 2", b"Content-Length: 2, 2"], ids=["in two fields", "in a list"])
def test_a_length_said_twice_alike_is_said_once_or_not_relayed(wire: Wire, field: bytes) -> None:
    second = () if b"," in field else (b"Content-Length: 2",)
    wire.begin(Answer(lines(b"HTTP/1.1 200 OK", field, *second, body=b"ok"), then="keep"))
    reply = wire.exchange(get())
    if reply.body != b"ok":
        require_no_help(wire, reply)
    else:
        assert (reply.status, reply.body, reply.head.values(b"content-length")) == (200, b"ok", [b"2"])


def test_a_body_of_205_is_not_relayed(wire: Wire) -> None:
    wire.begin(Answer(lines(b"HTTP/1.1 205 Reset Content", b"Content-Length: 20", body=nonsense.MARK), then="keep"))
    with wire.client() as client:
        client.send(get())
        reply = client.read()
        if reply.status == 205:
            assert reply.body == b""
        else:
            require_no_help(wire, reply)
        canary(wire, client)


def test_a_date_of_the_upstream_is_kept_and_is_the_only_one(wire: Wire) -> None:
    wire.begin(Answer(ok(b"Date: Sun, 06 Nov 1994 08:49:37 GMT"), then="keep"))
    assert wire.exchange(get()).head.values(b"date") == [b"Sun, 06 Nov 1994 08:49:37 GMT"]


def test_the_proxies_before_are_named_before_this_one(wire: Wire) -> None:
    wire.begin(Answer(ok(b"Via: 1.0 inner", b"via: 1.1 outer"), then="keep"))
    reply = wire.exchange(get(b"Via: 1.0 fred", b"Via: 1.1 wilma (Apache/2)"))
    assert reply.head.single(b"via") == b"1.0 inner, 1.1 outer, 1.1 techcommerce-gateway"
    sent = wire.received().request.head.single(b"via")
    assert sent == b"1.0 fred, 1.1 wilma (Apache/2), 1.1 techcommerce-gateway"


def test_a_read_is_sent_again_when_a_kept_connection_has_just_gone(wire: Wire) -> None:
    wire.begin(OK, Answer(b""), OK)
    for _ in range(2):
        reply = wire.exchange(get())
        assert (reply.status, reply.body) == (200, b"ok")
    first, second, third = wire.upstream.requests
    assert first.connection is second.connection is not third.connection
    assert second.request.head.start == third.request.head.start


def test_a_write_is_never_sent_again(wire: Wire) -> None:
    wire.begin(OK, Answer(b""), OK)
    assert wire.exchange(get()).status == 200
    require_problem(wire.exchange(post(b"Content-Length: 5", body=b"hello")), 502)
    first, second = wire.upstream.requests
    assert first.connection is second.connection and second.request.body == b"hello"


def test_a_read_is_not_sent_again_when_half_an_answer_came(wire: Wire) -> None:
    wire.begin(OK, Answer(b"HTTP/1.1 2"))
    assert wire.exchange(get()).status == 200
    require_no_help(wire, wire.exchange(get()))
    asked = [received.connection.component for received in wire.upstream.requests]
    assert asked.count("legacy") == 2


def test_a_read_is_asked_of_each_side_once(wire: Wire) -> None:
    wire.begin(Answer(nonsense.MARK + b"\r\n\r\n"), everywhere=True)
    require_problem(wire.exchange(get()), 502)
    asked = [received.connection.component for received in wire.upstream.requests]
    assert asked in (["legacy"], ["legacy", "products"])


@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_that_nobody_asked_for_is_nobodys(wire: Wire, times: int) -> None:
    wire.begin(OK)
    assert wire.exchange(get()).status == 200
    [kept] = {received.connection for received in wire.upstream.requests}
    wire.upstream.say(kept, ok(body=b"poison") * times)
    # Each is asked after the upstream has said it, and each is told its own.
    for _ in range(3):
        assert wire.exchange(get()).body == b"ok"
    assert [one.connection for one in wire.upstream.requests].count(kept) == 1


def test_an_early_refusal_reaches_a_client_that_still_sends(wire: Wire) -> None:
    refusal = lines(b"HTTP/1.1 403 Forbidden", b"Content-Length: 2", b"Connection: close", body=b"no")
    wire.begin(Answer(refusal, early=True))
    with wire.client() as client:
        client.send_meanwhile([post(b"Content-Length: 1000000"), *[b"x" * 1000] * 1000])
        reply = client.read()
    assert (reply.status, reply.body) == (403, b"no")
    wire.require_serving()


def test_the_target_is_the_clients(wire: Wire) -> None:
    wire.exchange(get(target=PATH))
    assert wire.received().request.target == PATH
