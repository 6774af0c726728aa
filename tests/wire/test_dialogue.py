"""Requests in pieces, in rows, with conditions; and what the gateway answers without an upstream."""

import dataclasses
import json
import re

import pytest

from services.chassis.identity import Minter, Principal
from services.local import keys
from tests.wire.build import HOST, PATH, chunked, get, lines, post
from tests.wire.conftest import Wire
from tests.wire.test_answered import require_problem
from tests.wire.upstream import OK, Answer

MEGABYTE = 1 << 20
PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_requests_in_a_row_are_answered_in_their_order(wire: Wire) -> None:
    wire.begin(numbered=True)
    with wire.client() as client:
        client.send(b"".join(get(target=b"/products/%d" % number) for number in range(8)))
        assert [client.read().head.single(b"x-answer") for _ in range(8)] == [b"%d" % number for number in range(8)]
        wire.require_open(client)
    assert [one.request.target for one in wire.upstream.requests] == [b"/products/%d" % number for number in range(8)]


def test_a_request_right_behind_a_body_is_a_request(wire: Wire) -> None:
    wire.begin(numbered=True)
    with wire.client() as client:
        client.send(post(b"Content-Length: 5", body=b"hello") + chunked(body=b"3\r\nabc\r\n0\r\n\r\n") + get())
        assert [client.read().status for _ in range(3)] == [200] * 3
    sent = [(one.request.method, one.request.body) for one in wire.upstream.requests]
    assert sent == [(b"POST", b"hello"), (b"POST", b"abc"), (b"GET", b"")]


def test_nothing_behind_a_close_is_a_request(wire: Wire) -> None:
    with wire.client() as client:
        client.send(get(b"Connection: close") + get(target=b"/products/HIDDEN"))
        assert client.read().status == 200
        assert client.rest() == b""
    assert [one.request.target for one in wire.upstream.requests] == [PATH]


def test_a_bad_request_behind_a_good_one_is_refused_alone(wire: Wire) -> None:
    with wire.client() as client:
        client.send(get() + get(b"X : 1", target=b"/products/HIDDEN"))
        assert [client.read().status for _ in range(2)] == [200, 400]
        assert client.rest() == b""
    assert [one.request.target for one in wire.upstream.requests] == [PATH]


@pytest.mark.parametrize(
    "request_",
    [post(b"Content-Length: 5", body=b"hello"), chunked(body=b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: 1\r\n\r\n")],
    ids=["by its length", "in chunks"],
)
def test_a_request_may_come_octet_by_octet(wire: Wire, request_: bytes) -> None:
    with wire.client() as client:
        client.send_meanwhile(request_[index : index + 1] for index in range(len(request_)))
        assert client.read().status == 200
        wire.require_open(client)
    assert wire.received().request.body == b"hello"


@pytest.mark.parametrize("request_", [get(), post(b"Content-Length: 5", body=b"hello")], ids=["GET", "POST"])
def test_a_client_that_has_said_all_it_will_say_is_answered(wire: Wire, request_: bytes) -> None:
    with wire.client() as client:
        client.send(request_)
        client.end()
        reply = client.read()
        assert (reply.status, reply.body, client.rest()) == (200, b"ok", b"")
    wire.received()


@pytest.mark.parametrize(
    "request_",
    [post(b"Content-Length: 50", body=b"hello"), chunked(body=b"32\r\nhello"), chunked(body=b"5\r\nhello\r\n")],
    ids=["by its length", "in a chunk", "between chunks"],
)
def test_half_a_body_is_no_request(wire: Wire, request_: bytes) -> None:
    with wire.client() as client:
        client.send(request_)
        client.end()
        answer = client.rest()
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 408"))
    wire.require_serving()
    # It may have heard the beginning, and must be able to tell that this is not all.
    assert not wire.upstream.requests and not wire.upstream.malformed
    for connection in wire.upstream.connections:
        assert connection.ended.wait(30)


def test_a_client_that_has_said_all_it_will_say_is_not_waited_for(wire: Wire) -> None:
    """Its end looks like that of one who has left, for whom no component should go on working."""
    wire.begin(dataclasses.replace(OK, held=True))
    with wire.client() as client:
        client.send(get())
        client.end()
        assert client.rest() == b""
    wire.upstream.release.set()
    wire.require_serving()


def test_half_a_head_is_no_request(wire: Wire) -> None:
    with wire.client() as client:
        client.send(get()[:-2])
        client.end()
        answer = client.rest()
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 408"))
    wire.require_untouched()


def test_a_body_is_asked_for_before_it_is_needed(wire: Wire) -> None:
    with wire.client() as client:
        client.send(post(b"Expect: 100-continue", b"Content-Length: 5"))
        assert client.read_interim() == 100
        client.send(b"hello")
        reply = client.read()
        assert (reply.status, reply.interim) == (200, ())
        wire.require_open(client)
    received = wire.received()
    assert received.request.body == b"hello" and not received.request.head.values(b"expect")


def test_a_chunked_body_is_asked_for(wire: Wire) -> None:
    with wire.client() as client:
        client.send(post(b"Expect: 100-continue", b"Transfer-Encoding: chunked"))
        assert client.read_interim() == 100
        client.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert client.read().status == 200
    assert wire.received().request.body == b"hello"


def test_a_body_that_is_too_large_is_not_asked_for(wire: Wire) -> None:
    with wire.client() as client:
        client.send(post(b"Expect: 100-continue", b"Content-Length: %d" % (MEGABYTE + 1)))
        reply = client.read()
        require_problem(reply, 413)
        assert (reply.interim, client.rest()) == ((), b"")
    wire.require_untouched()


def test_a_body_of_somebody_who_is_not_believed_is_not_asked_for(wire: Wire) -> None:
    with wire.client() as client:
        client.send(post(b"Expect: 100-continue", b"Authorization: Bearer nonsense", b"Content-Length: 5"))
        reply = client.read()
        require_problem(reply, 401)
        assert reply.interim == ()
    wire.require_untouched()


def test_no_body_is_asked_for_where_there_is_none(wire: Wire) -> None:
    reply = wire.exchange(get(b"Expect: 100-continue"))
    assert (reply.status, reply.interim) == (200, ())
    assert not wire.received().request.head.values(b"expect")


def test_http_1_0_is_never_told_to_continue(wire: Wire) -> None:
    expecting = lines(b"POST /orders HTTP/1.0", HOST, b"Expect: 100-continue", b"Content-Length: 5", body=b"hello")
    reply = wire.exchange(expecting, b"POST")
    assert (reply.status, reply.interim) == (200, ())


@pytest.mark.parametrize("expectation", [b"a-miracle", b"100-continue, a-miracle", b"200-ok"])
def test_other_expectations_are_not_met(wire: Wire, expectation: bytes) -> None:
    with wire.client() as client:
        client.send(post(b"Expect: " + expectation, b"Content-Length: 5", body=b"hello"))
        reply = client.read()
        assert (reply.status, reply.interim) == (417, ())
    wire.require_untouched()


@pytest.mark.parametrize("announced", [MEGABYTE + 1, 10**10, 10**19], ids=["a little", "much", "beyond a machine word"])
def test_a_body_announced_as_too_large_is_refused_before_it_comes(wire: Wire, announced: int) -> None:
    with wire.client() as client:
        client.send(post(b"Content-Length: %d" % announced))
        reply = client.read()
        assert reply.status in ({413} if announced < 10**18 else {400, 413})
        if reply.status == 413:
            require_problem(reply, 413)
        assert client.rest() == b""
    wire.require_untouched()


def test_a_refusal_of_a_body_can_be_read_by_a_client_that_still_sends(wire: Wire) -> None:
    with wire.client() as client:
        sender = client.send_meanwhile([post(b"Content-Length: %d" % (4 * MEGABYTE)), *[b"x" * 65536] * 64])
        sender.join(5)
        require_problem(client.read(), 413)
    wire.require_untouched()


@pytest.mark.parametrize("size", [0x10000, 0x10, MEGABYTE + 1], ids=["in large chunks", "in small ones", "in one"])
def test_a_chunked_body_is_refused_once_it_is_too_large(wire: Wire, size: int) -> None:
    chunk = b"%x\r\n" % size + b"x" * size + b"\r\n"
    with wire.client() as client:
        client.send_meanwhile([chunked(body=b""), chunk * (MEGABYTE // size + 1), b"0\r\n\r\n"])
        reply = client.read()
        require_problem(reply, 413)
        # Where all of it had come by then, there is no need to close.
        if reply.head.values(b"connection") == [b"close"]:
            assert client.rest() == b""
        else:
            wire.require_open(client)
    wire.require_untouched()


def test_a_chunked_body_may_be_a_whole_megabyte(wire: Wire) -> None:
    body = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert wire.exchange(chunked(body=body * 16 + b"0\r\n\r\n")).status == 200
    assert wire.received().request.body == b"x" * MEGABYTE


@pytest.mark.parametrize(
    "fields", [(), (b"Max-Forwards: 0",), (b"Max-Forwards: 5",)], ids=["alone", "last", "on its way"]
)
def test_trace_is_never_forwarded(wire: Wire, fields: tuple[bytes, ...]) -> None:
    reply = wire.exchange(get(*fields, b"Cookie: secret=1", method=b"TRACE"))
    require_problem(reply, 405)
    assert b"GET" in reply.head.single(b"allow") and b"TRACE" not in reply.head.single(b"allow")
    wire.require_untouched()


def test_options_that_may_go_no_further_are_answered_here(wire: Wire) -> None:
    with wire.client() as client:
        client.send(get(b"Max-Forwards: 0", method=b"OPTIONS"))
        reply = client.read(b"OPTIONS")
        assert reply.status in {200, 204} and reply.head.values(b"allow")
        wire.require_open(client)
    wire.require_untouched()


def test_a_websocket_is_refused_and_not_forwarded(wire: Wire) -> None:
    asking = get(
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    reply = wire.exchange(asking)
    assert reply.status in {400, 426, 501}
    require_problem(reply, reply.status)
    wire.require_untouched()


def test_what_the_client_says_of_hops_before_is_not_believed(wire: Wire) -> None:
    said = (
        b"X-Forwarded-For: 1.2.3.4",
        b"X-Forwarded-Host: evil.example",
        b"X-Forwarded-Proto: https",
        b"Forwarded: for=1.2.3.4;host=evil.example",
    )
    wire.exchange(get(*said, *said))
    head = wire.received().request.head
    assert head.single(b"x-forwarded-for") == b"127.0.0.1"
    assert head.single(b"x-forwarded-host") == b"shop.example"
    assert head.single(b"x-forwarded-proto") == b"http"
    assert re.fullmatch(rb'for=127\.0\.0\.1;host="?shop\.example"?;proto=http', head.single(b"forwarded"))


def test_a_trace_goes_on_in_a_span_of_its_own(wire: Wire) -> None:
    wire.exchange(get(b"traceparent: " + PARENT, b"tracestate: a=1,b=2"))
    head = wire.received().request.head
    version, trace, span, flags = head.single(b"traceparent").split(b"-")
    _, old_trace, old_span, old_flags = PARENT.split(b"-")
    assert (version, trace, flags) == (b"00", old_trace, old_flags) and span != old_span
    assert head.values(b"tracestate") == [b"a=1,b=2"]


@pytest.mark.parametrize(
    "fields",
    [
        (PARENT.upper(),),
        (PARENT + b"-more",),
        (PARENT[:-1],),
        (PARENT, PARENT),
        (b"ff" + PARENT[2:],),
        (b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",),
        (PARENT[:36] + b"0" * 16 + b"-01",),
        (b"nonsense",),
    ],
    ids=["capitals", "too long", "too short", "two", "a forbidden version", "no trace", "no span", "nonsense"],
)
def test_a_trace_that_is_none_is_begun_anew(wire: Wire, fields: tuple[bytes, ...]) -> None:
    wire.exchange(get(*(b"traceparent: " + value for value in fields), b"tracestate: a=1"))
    head = wire.received().request.head
    assert head.single(b"traceparent").split(b"-")[1].lower() != PARENT.split(b"-")[1]
    assert head.values(b"tracestate") == []


@pytest.mark.parametrize("name", [b"checkout-17", b"a.b_C-9"])
def test_a_requests_own_id_is_kept_and_told(wire: Wire, name: bytes) -> None:
    reply = wire.exchange(get(b"X-Request-Id: " + name))
    assert reply.head.single(b"x-request-id") == wire.received().request.head.single(b"x-request-id") == name


@pytest.mark.parametrize("name", [b"a b", b"<script>", b"x" * 300, b""], ids=["a space", "marks", "too long", "empty"])
def test_an_odd_id_is_replaced(wire: Wire, name: bytes) -> None:
    reply = wire.exchange(get(b"X-Request-Id: " + name))
    told = wire.received().request.head.single(b"x-request-id")
    assert reply.head.single(b"x-request-id") == told != name
    assert re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", told)


@pytest.mark.parametrize("fields", [(), (b"Connection: Authorization",)], ids=["as it is", "named in Connection"])
def test_the_upstream_hears_of_an_identity_from_the_gateway_only(wire: Wire, fields: tuple[bytes, ...]) -> None:
    path = keys.ensure(wire.stack.home).private("orders")
    minter = Minter.from_file(issuer="orders", path=path)
    said = minter.mint(Principal(subject="orders", kind="service", scopes=frozenset()), audience="gateway").encode()
    assert wire.exchange(get(b"Authorization: Bearer " + said, *fields)).status == 200
    told = wire.received().request.head.single(b"authorization")
    assert told.startswith(b"Bearer ") and told != b"Bearer " + said


def test_a_problem_of_the_gateways_own_answers_head_without_a_body(wire: Wire) -> None:
    wire.begin(Answer(b"nonsense\r\n\r\n"), everywhere=True)
    with wire.client() as client:
        client.send(get(method=b"HEAD"))
        assert client.read(b"HEAD").status == 502
        wire.require_open(client)


def test_a_problem_of_the_gateways_own_says_which_request_it_was(wire: Wire) -> None:
    wire.begin(Answer(b"nonsense\r\n\r\n"), everywhere=True)
    reply = wire.exchange(get(b"X-Request-Id: mine"))
    assert reply.head.single(b"x-request-id") == b"mine"
    assert json.loads(reply.body)["type"].startswith("/problems/")
