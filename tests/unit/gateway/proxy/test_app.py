from __future__ import annotations

import asyncio
import json
import time

import jwt
import pytest

from gateway.proxy.identity import SessionsAway
from gateway.proxy.tally import ROUTED
from services.chassis import metrics
from services.chassis.contract import BODY_MAX
from tests.unit.gateway.proxy.support import (
    CUSTOMER,
    Exchange,
    Heard,
    access_token,
    cookie,
    cut,
    front,
    say_ok,
    unused_port,
)


def run(scenario):
    return asyncio.run(scenario())


def ask(method, path, headers=None, **arguments):
    """Ask a fresh data plane once; return what was heard and what the upstream received."""
    body, answer = arguments.pop("body", None), arguments.pop("answer", say_ok)

    async def scenario():
        async with front(answer, **arguments) as shop:
            return await shop.ask(method, path, headers, body=body), shop.recorder

    return run(scenario)


def slug(heard: Heard) -> str:
    assert heard.values(b"content-type") == [b"application/problem+json"]
    problem = json.loads(heard.body)
    assert problem["status"] == heard.status
    return str(problem["type"]).removeprefix("/problems/")


@pytest.mark.parametrize(
    "target",
    [
        b"/products/%2F..?a=%zz&b=+",
        b"/products/..//./x;y=1,2",
        b"/orders/a%00b",
        b"/products?search=caf%C3%A9&&=",
        b"/products/~!$&'()*+,;=:@|^`{}",
    ],
)
def test_path_and_query_bytes_are_untouched(target):
    heard, upstream = ask("GET", target)
    assert heard.status == 200
    assert upstream.requests[0].line == b"GET " + target + b" HTTP/1.1"


def test_duplicate_headers_pass_both_ways():
    async def answer(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n")

    heard, upstream = ask("GET", b"/products", [(b"accept", b"a"), (b"x-y", b"1"), (b"accept", b"b")], answer=answer)
    assert upstream.requests[0].values(b"accept") == [b"a", b"b"]
    assert heard.values(b"set-cookie") == [b"a=1", b"b=2"]


def test_the_upstream_sees_our_token_and_nothing_the_client_said_about_itself():
    headers = [
        (b"authorization", b"Bearer " + access_token().encode()),
        (b"x-user-id", b"root"),
        (b"cookie", b"tc_session=secret; theme=dark; tc_identity=x"),
    ]
    _, upstream = ask("GET", b"/orders", headers)
    received = upstream.requests[0]
    claims = jwt.decode(received.values(b"authorization")[0].split()[1].decode(), options={"verify_signature": False})
    assert (claims["sub"], claims["aud"], claims["iss"]) == (CUSTOMER.subject, "orders", "gateway")
    assert claims["owners"] == {"products": "monolith", "orders": "service"}
    assert received.values(b"x-user-id") == []
    assert received.values(b"cookie") == [b"theme=dark"]


def test_the_anonymous_come_without_a_token():
    _, upstream = ask("GET", b"/products")
    assert upstream.requests[0].values(b"authorization") == []


def test_a_bad_token_is_refused_here():
    heard, upstream = ask("GET", b"/products", [(b"authorization", b"Bearer forged")])
    assert (heard.status, slug(heard)) == (401, "token-invalid")
    assert heard.values(b"www-authenticate") == [b'Bearer error="invalid_token"']
    assert upstream.requests == []


def test_another_sites_form_is_refused_here():
    headers = [(b"cookie", b"tc_identity=" + cookie().encode()), (b"origin", b"http://evil.test")]
    heard, upstream = ask("POST", b"/orders", headers)
    assert (heard.status, slug(heard)) == (403, "forbidden")
    assert upstream.requests == []


def test_a_body_streams_with_its_length():
    body = [b"{", b'"a":', b"1}"]
    _, upstream = ask("POST", b"/orders", [(b"content-length", b"7")], body=body)
    assert upstream.requests[0].body == b'{"a":1}'
    assert upstream.requests[0].values(b"transfer-encoding") == []


def test_a_body_of_unsaid_length_gets_one():
    _, upstream = ask("POST", b"/orders", [(b"transfer-encoding", b"chunked")], body=[b"a" * 10, b"b" * 10])
    assert upstream.requests[0].values(b"content-length") == [b"20"]
    assert upstream.requests[0].body == b"a" * 10 + b"b" * 10


@pytest.mark.parametrize("length", [str(BODY_MAX + 1), "9" * 15])
def test_a_body_that_says_it_is_too_large_is_refused_at_once(length):
    heard, upstream = ask("POST", b"/orders", [(b"content-length", length.encode())])
    assert (heard.status, slug(heard)) == (413, "too-large")
    assert upstream.connections == 0


def test_a_body_that_turns_out_too_large_is_refused():
    chunk = b"x" * (BODY_MAX // 2)
    heard, upstream = ask("POST", b"/orders", [(b"transfer-encoding", b"chunked")], body=[chunk, chunk, b"x"])
    assert (heard.status, slug(heard)) == (413, "too-large")
    assert upstream.requests == []


def test_the_largest_body_passes():
    heard, upstream = ask("POST", b"/orders", [(b"content-length", str(BODY_MAX).encode())], body=[b"x" * BODY_MAX])
    assert heard.status == 200
    assert len(upstream.requests[0].body) == BODY_MAX


def test_an_answer_streams_as_it_comes():
    async def answer(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await writer.drain()
        await asyncio.wait_for(first_heard.wait(), 5)
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")

    first_heard = asyncio.Event()

    async def scenario():
        async with front(answer) as shop:
            heard = Heard()
            asking = asyncio.create_task(shop.ask("GET", b"/products", heard=heard))
            while not heard.chunks:
                await asyncio.sleep(0.01)
            assert heard.body == b"first"
            first_heard.set()
            await asking
            assert (heard.body, heard.whole) == (b"firstlast", True)
            assert heard.values(b"transfer-encoding") == []

    run(scenario)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_a_body_have_none(status):
    async def answer(request, writer):
        writer.write(f'HTTP/1.1 {status}\r\nETag: "x"\r\n\r\n'.encode())

    heard, _ = ask("GET", b"/products", answer=answer)
    assert (heard.status, heard.body, heard.whole) == (int(status[:3]), b"", True)
    assert heard.values(b"etag") == [b'"x"']


def test_head_has_the_length_and_no_body():
    heard, _ = ask("HEAD", b"/products")
    assert (heard.values(b"content-length"), heard.body) == ([b"2"], b"")


def test_connections_are_kept():
    async def scenario():
        async with front() as shop:
            for _ in range(5):
                await shop.ask("GET", b"/products")
            assert shop.recorder.connections == 1

    run(scenario)


def test_nobody_there_is_502():
    heard, _ = ask("GET", b"/products", urls={"legacy": f"http://127.0.0.1:{unused_port()}"})
    assert (heard.status, slug(heard)) == (502, "upstream-unreachable")


def test_silence_is_504():
    async def answer(request, writer):
        await asyncio.sleep(30)

    heard, upstream = ask("GET", b"/products", answer=answer, read=0.2)
    assert (heard.status, slug(heard)) == (504, "upstream-timeout")
    assert len(upstream.requests) == 1


def test_a_whole_request_has_one_deadline():
    async def drip(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(100):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    started = time.monotonic()
    heard, _ = ask("GET", b"/products", answer=drip, deadline=0.4)
    assert time.monotonic() - started < 3
    assert (heard.status, heard.whole) == (200, False)


def test_the_deadline_before_an_answer_is_504():
    async def answer(request, writer):
        await asyncio.sleep(30)

    heard, _ = ask("GET", b"/products", answer=answer, deadline=0.2)
    assert (heard.status, slug(heard)) == (504, "upstream-timeout")


def test_an_answer_that_breaks_off_is_never_finished_for_it():
    async def answer(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.05)
        cut(writer)

    heard, _ = ask("GET", b"/products", answer=answer)
    assert (heard.status, heard.body, heard.whole) == (200, b"half", False)


def test_a_small_answer_that_breaks_off_was_none():
    async def answer(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.05)
        cut(writer)

    heard, _ = ask("GET", b"/products", answer=answer)
    assert (heard.status, slug(heard)) == (502, "upstream-unreachable")


def test_no_http_at_all_is_502():
    async def answer(request, writer):
        writer.write(b"220 mail.example.test ESMTP\r\n\r\n")

    heard, upstream = ask("GET", b"/products", answer=answer)
    assert (heard.status, slug(heard)) == (502, "upstream-unreachable")
    assert len(upstream.requests) == 1


def closing_once_kept():
    """Answer well, then close on the second request of a connection without a word."""
    seen: dict[int, int] = {}

    async def answer(request, writer):
        seen[id(writer)] = seen.get(id(writer), 0) + 1
        if seen[id(writer)] == 2:
            cut(writer)
        else:
            await say_ok(request, writer)

    return answer


def test_reading_is_asked_again_when_a_kept_connection_has_just_gone():
    async def scenario():
        async with front(closing_once_kept()) as shop:
            await shop.ask("GET", b"/products")
            heard = await shop.ask("GET", b"/products")
            assert (heard.status, heard.body, shop.recorder.connections) == (200, b"ok", 2)

    run(scenario)


@pytest.mark.parametrize(("method", "body"), [("POST", None), ("DELETE", None), ("GET", [b"x"])])
def test_writing_is_never_sent_twice(method, body):
    async def scenario():
        async with front(closing_once_kept()) as shop:
            await shop.ask("GET", b"/products")
            headers = [(b"content-length", b"1")] if body else None
            heard = await shop.ask(method, b"/products", headers, body=body)
            assert (heard.status, slug(heard)) == (502, "upstream-unreachable")
            assert len(shop.recorder.requests) == 2

    run(scenario)


def test_a_client_who_hangs_up_cancels_the_upstreams_work():
    async def answer(request, writer):
        await asyncio.sleep(30)

    async def scenario():
        async with front(answer) as shop:
            gone = asyncio.Event()
            asking = asyncio.create_task(shop.ask("GET", b"/products", gone=gone))
            while not shop.recorder.requests:
                await asyncio.sleep(0.01)
            gone.set()
            heard = await asking
            await asyncio.wait_for(shop.recorder.hung_up.wait(), 5)
            assert heard.status == 0

    run(scenario)


def test_a_client_who_hangs_up_while_sending_is_not_waited_for():
    async def scenario():
        async with front() as shop:
            gone = asyncio.Event()
            gone.set()

            async def receive():
                return {"type": "http.disconnect"}

            sent: list[object] = []

            async def send(message):
                sent.append(message)

            scope = {
                "type": "http",
                "method": "POST",
                "scheme": "http",
                "raw_path": b"/orders",
                "raw_target": b"/orders",
                "query_string": b"",
                "headers": [(b"host", b"shop.test"), (b"content-length", b"10")],
                "client": None,
                "extensions": {"techcommerce.exchange": Exchange(), "techcommerce.memo": {}},
            }
            await shop.plane(scope, receive, send, capability="orders")
            assert sent == []

    run(scenario)


def test_cancelled_and_failed_requests_leave_the_pool_usable():
    async def answer(request, writer):
        if request.line.startswith(b"GET /products/SLOW"):
            await asyncio.sleep(30)
        await say_ok(request, writer)

    async def hang_up(shop, seconds):
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, gone.set)
        heard = await shop.ask("GET", b"/products/SLOW", gone=gone)
        assert heard.status == 0

    async def scenario():
        async with front(answer, concurrency=100) as shop:
            # Some leave while the connection is being made, some before their turn, some while they wait.
            for seconds in (0, 0.001, 0.005, 0.05):
                await asyncio.gather(*(hang_up(shop, seconds) for _ in range(100)))
            async with asyncio.timeout(20):
                while shop.recorder.open:
                    await asyncio.sleep(0.02)
            # None of them still counts as under way: that would leave less room with each.
            heard = await asyncio.gather(*(shop.ask("GET", b"/products") for _ in range(50)))
            assert [answered.status for answered in heard] == [200] * 50

    run(scenario)


def test_without_a_table_nothing_is_forwarded():
    heard, upstream = ask("GET", b"/products", table=None)
    assert (heard.status, slug(heard)) == (503, "unavailable")
    assert heard.values(b"retry-after") == [b"1"]
    assert upstream.requests == []


async def away(key):
    raise SessionsAway


def test_reading_products_goes_on_when_sessions_are_away():
    heard, _ = ask("GET", b"/products", [(b"cookie", b"tc_session=" + b"k" * 32)], look_up_session=away)
    assert heard.status == 200


def test_orders_are_nobodys_business_when_sessions_are_away():
    heard, upstream = ask("GET", b"/orders", [(b"cookie", b"tc_session=" + b"k" * 32)], look_up_session=away)
    assert (heard.status, slug(heard)) == (503, "unavailable")
    assert upstream.requests == []


def test_the_request_id_is_the_same_everywhere():
    heard, upstream = ask("GET", b"/products", [(b"x-request-id", b"abc-1")])
    assert heard.values(b"x-request-id") == [b"abc-1"]
    assert upstream.requests[0].values(b"x-request-id") == [b"abc-1"]


def test_what_goes_wrong_in_here_is_500_without_a_word_of_it():
    async def broken(key):
        raise RuntimeError("secret")

    heard, _ = ask("GET", b"/products", [(b"cookie", b"tc_session=" + b"k" * 32)], look_up_session=broken)
    assert (heard.status, slug(heard)) == (500, "internal")
    assert b"secret" not in heard.body


def test_requests_are_counted_by_template_and_side():
    routed = ROUTED.labels("orders", "service", "toggle")
    timed = metrics.REQUEST_DURATION.labels("GET", "/orders/{number}", "200", "")
    before = routed._value.get(), timed._sum.get()

    async def scenario():
        async with front() as shop:
            await shop.ask("GET", b"/orders/TC-ABC")
            shop.plane._tally.flush()

    run(scenario)
    assert routed._value.get() == before[0] + 1
    assert timed._sum.get() > before[1]
