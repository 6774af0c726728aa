"""The server on real sockets, under uvloop and under asyncio's own loop."""

from __future__ import annotations

import asyncio
import operator
from contextlib import suppress
from functools import partial

import pytest

from gateway.wire import server as server_module
from gateway.wire.chunked import LAST, chunk
from tests.unit.gateway.wire.serving import (
    LOOPS,
    Receive,
    Scope,
    Send,
    body_of,
    echo,
    last,
    more,
    run_in,
    says,
    serving,
    settled,
    start,
    until,
)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(params=sorted(LOOPS))
def run(request):
    return lambda scenario: run_in(request.param, scenario)


def test_a_connection_is_kept_for_the_next_request(run):
    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            for number in range(3):
                answer = await client.get(b"/%d?a=%%20" % number)
                assert (answer.status, answer.body) == (200, b"GET /%d?a=%%20 " % number)
                assert answer.values(b"connection") == []
            assert len(serve.server.connections) == 1

    run(scenario)


def test_three_hundred_requests_in_one_packet_are_answered_in_order(run):
    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            await client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(300)))
            for number in range(300):
                assert (await client.answer()).body == b"GET /%d " % number

    run(scenario)


def test_pipelined_bodies_of_both_kinds_end_where_they_end(run):
    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            sized = b"POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst"
            chunked = (
                b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"sec") + chunk(b"ond")
            )
            stream = (sized + chunked + LAST + GET) * 20
            # Cut anywhere: how it is packed says nothing about where a request ends.
            for begin in range(0, len(stream), 37):
                await client.send(stream[begin : begin + 37])
            for _ in range(20):
                assert [(await client.answer()).body for _ in range(3)] == [
                    b"POST /s first",
                    b"POST /c second",
                    b"GET / ",
                ]

    run(scenario)


def test_the_next_request_waits_for_the_answer_before(run):
    async def scenario():
        release = asyncio.Event()
        begun: list[bytes] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            begun.append(scope["raw_target"])
            await release.wait()
            await echo(scope, receive, send)

        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            await until(lambda: begun)
            await asyncio.sleep(0.05)
            assert begun == [b"/1"]
            release.set()
            assert [(await client.answer()).body for _ in range(2)] == [b"GET /1 ", b"GET /2 "]

    run(scenario)


def test_what_is_pipelined_behind_a_long_answer_is_not_gathered_without_end(run):
    async def scenario():
        release = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await release.wait()
            await echo(scope, receive, send)

        async with serving(application) as serve:
            client = await serve.client()
            padding = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 8000 + b"\r\n\r\n"
            sending = asyncio.create_task(client.send(padding * 2000))
            # The kernel holds some megabytes of the 16; the rest stays where it is.
            await settled(client.writer.transport.get_write_buffer_size)
            assert not sending.done()
            release.set()
            for _ in range(2000):
                assert (await client.answer()).status == 200
            await sending

    run(scenario)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a?", "/a", b""),
        (b"/a", "/a", b""),
        (b"/?x=%2F&&", "/", b"x=%2F&&"),
        (b"/caf%C3%A9/%2e?y", "/café/.", b"y"),
        (b"/a??b", "/a", b"?b"),
    ],
)
def test_the_target_is_told_as_it_came(run, target, path, query):
    seen: list[Scope] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await echo(scope, receive, send)

    async def scenario():
        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"GET " + target + b" HTTP/1.1\r\nHOST:a\r\nX-Y:  z \r\nx-y: \r\n\r\n")
            assert (await client.answer()).status == 200
            assert seen[0]["client"] == client.writer.get_extra_info("sockname")
            assert seen[0]["server"] == ("127.0.0.1", serve.port)

    run(scenario)
    scope = seen[0]
    assert (scope["raw_target"], scope["path"], scope["query_string"]) == (target, path, query)
    assert scope["raw_path"] == target.partition(b"?")[0]
    assert scope["headers"] == [(b"host", b"a"), (b"x-y", b"z"), (b"x-y", b"")]
    assert (scope["http_version"], scope["method"]) == ("1.1", "GET")


async def in_pieces(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in pieces, with a length where `/sized` is asked for."""
    await start(send, headers=[(b"content-length", b"6")] if scope["path"] == "/sized" else None)
    for piece in (b"abc", b"", b"de"):
        await more(send, piece)
    await last(send, b"f")


def test_an_answer_in_pieces_is_chunked_unless_its_length_is_said(run):
    async def scenario():
        async with serving(in_pieces) as serve:
            client = await serve.client()
            sized, unsaid = await client.get(b"/sized"), await client.get(b"/")
            assert (sized.body, unsaid.body) == (b"abcdef", b"abcdef")
            assert (sized.values(b"content-length"), sized.values(b"transfer-encoding")) == ([b"6"], [])
            assert (unsaid.values(b"content-length"), unsaid.values(b"transfer-encoding")) == ([], [b"chunked"])

    run(scenario)


def test_an_answer_that_is_whole_at_once_has_its_length(run):
    async def scenario():
        async with serving(says(b"ok")) as serve:
            answer = await (await serve.client()).get()
            assert (answer.body, answer.values(b"content-length")) == (b"ok", [b"2"])

    run(scenario)


def test_http_10_gets_no_chunks_and_no_second_request(run):
    async def scenario():
        async with serving(in_pieces) as serve:
            for target in (b"/", b"/sized"):
                client = await serve.client()
                await client.send(b"GET " + target + b" HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                answer = await client.answer()
                assert (answer.body, answer.values(b"transfer-encoding")) == (b"abcdef", [])
                assert answer.values(b"connection") == [b"close"]
                assert await client.rest() == b""

    run(scenario)


@pytest.mark.parametrize("application", [says(b"body"), in_pieces], ids=["whole", "pieces"])
@pytest.mark.parametrize("target", [b"/", b"/sized"])
def test_the_answer_to_head_has_no_body_even_of_an_application_that_sends_one(run, application, target):
    async def scenario():
        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"HEAD " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
            assert (await client.answer(bodiless=True)).status == 200
            assert (await client.answer()).status == 200

    run(scenario)


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_have_none(run, status):
    async def scenario():
        async with serving(says(b"nobody asked", status=status, headers=[(b"content-length", b"12")])) as serve:
            client = await serve.client()
            for _ in range(2):
                answer = await client.get()
                assert answer.status == status
                assert answer.values(b"transfer-encoding") == []
                # What the body would have had may be said of a 304, and never of a 204.
                assert answer.values(b"content-length") == ([b"12"] if status == 304 else [])

    run(scenario)


def test_the_date_is_said_once(run):
    async def scenario():
        async with serving(says()) as serve:
            assert len((await (await serve.client()).get()).values(b"date")) == 1
        async with serving(says(headers=[(b"date", b"Tue, 15 Nov 1994 08:12:31 GMT")])) as serve:
            assert (await (await serve.client()).get()).values(b"date") == [b"Tue, 15 Nov 1994 08:12:31 GMT"]

    run(scenario)


def test_a_client_who_waits_to_be_asked_for_the_body_is_asked(run):
    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b"body")
            assert (await client.answer()).body == b"POST / body"
            assert (await client.get()).status == 200

    run(scenario)


def test_a_client_is_not_asked_for_a_body_that_nobody_wants(run):
    async def scenario():
        async with serving(says(b"no", status=413)) as serve:
            client = await serve.client()
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            answer = await client.answer()
            assert (answer.status, answer.values(b"connection")) == (413, [b"close"])
            assert await client.rest() == b""

    run(scenario)


def test_a_client_who_does_not_wait_is_not_told_to_go_on(run):
    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody")
            assert (await client.answer()).body == b"POST / body"

    run(scenario)


def test_a_refusal_can_be_read_by_a_client_who_is_still_sending(run, monkeypatch):
    monkeypatch.setattr(server_module, "LINGER_SECONDS", 30.0)

    async def scenario():
        async with serving(says(b"too large", status=413)) as serve:
            client = await serve.client()
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000)
            answer = await client.answer()
            assert (answer.status, answer.body, answer.values(b"connection")) == (413, b"too large", [b"close"])
            assert await client.rest() == b""
            client.writer.close()
            await until(lambda: not serve.server.connections)

    run(scenario)


def test_a_client_who_goes_on_sending_for_ever_is_cut_off(run, monkeypatch):
    monkeypatch.setattr(server_module, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(server_module, "SWEEP_SECONDS", 0.02)

    async def scenario():
        async with serving(says(b"too large", status=413)) as serve:
            client = await serve.client()
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
            assert (await client.answer()).status == 413
            with suppress(ConnectionError):
                while True:
                    await client.send(b"x" * 10_000)
                    await asyncio.sleep(0.001)
            await until(lambda: not serve.server.connections)

    run(scenario)


def test_an_answer_may_begin_while_the_body_is_still_coming(run):
    async def scenario():
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await start(send, headers=[(b"content-length", b"1000")])
            await more(send, b"a" * 500)
            body = await body_of(receive)
            assert body == b"b" * 3000
            await last(send, b"c" * 500)

        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n" + b"b" * 10)
            begun = await client.head()
            assert (begun.status, begun.values(b"connection")) == (200, [b"close"])
            await client.send(b"b" * 2990)
            assert await client.rest() == b"a" * 500 + b"c" * 500

    run(scenario)


class Waiting:
    """An application that waits, and notes whether it is told that the client has gone."""

    def __init__(self, *, reads: bool = False) -> None:
        self.begun = asyncio.Event()
        self.gone = asyncio.Event()
        self.release = asyncio.Event()
        self.body = b""
        self._reads = reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/wait":
            return await echo(scope, receive, send)
        if self._reads:
            self.body = await body_of(receive)
        scope["extensions"]["techcommerce.exchange"].on_gone(self.gone.set)
        self.begun.set()
        await self.release.wait()
        await start(send)
        await last(send, b"late")
        return None


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000,
        b"POST /wait HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"x" * 200_000) + LAST,
    ],
    ids=["bodiless", "sized", "chunked"],
)
def test_the_application_is_told_at_once_when_the_client_goes(run, request_bytes):
    async def scenario():
        application = Waiting(reads=True)
        async with serving(application) as serve:
            client = await serve.client()
            await client.send(request_bytes)
            await application.begun.wait()
            client.leave()
            await application.gone.wait()
            application.release.set()
            await until(lambda: not serve.server.connections)

    run(scenario)


def test_whoever_asks_late_is_told_that_the_client_had_gone(run):
    async def scenario():
        told = asyncio.Event()
        heard: list[str] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            exchange = scope["extensions"]["techcommerce.exchange"]
            await receive()
            # The end of the waiting below is the news itself.
            heard.append((await receive())["type"])
            exchange.on_gone(told.set)
            await start(send)
            await last(send, b"nobody hears")

        async with serving(application) as serve:
            client = await serve.client()
            await client.send(GET)
            await until(lambda: serve.server.connections)
            client.leave()
            await told.wait()
            assert heard == ["http.disconnect"]

    run(scenario)


def test_a_client_who_goes_amid_its_body_ends_the_wait_for_it(run):
    async def scenario():
        heard: list[str] = []
        begun = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            heard.append((await receive())["type"])
            begun.set()
            heard.append((await receive())["type"])

        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
            await begun.wait()
            client.leave()
            await until(lambda: len(heard) == 2)
            assert heard == ["http.request", "http.disconnect"]

    run(scenario)


def test_a_client_who_has_closed_its_side_still_hears_a_quick_answer(run, monkeypatch):
    monkeypatch.setattr(server_module, "HALF_CLOSED_SECONDS", 30.0)

    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            await client.send(GET + GET)
            client.writer.write_eof()
            assert (await client.answer()).body == b"GET / "
            assert (await client.answer()).body == b"GET / "
            assert await client.rest() == b""
            await until(lambda: not serve.server.connections)

    run(scenario)


def test_a_client_who_has_closed_its_side_counts_as_gone_soon(run):
    async def scenario():
        application = Waiting()
        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            await application.begun.wait()
            client.writer.write_eof()
            await application.gone.wait()
            application.release.set()
            assert await client.rest() == b""
            await until(lambda: not serve.server.connections)

    run(scenario)


def test_a_failure_before_the_answer_is_500_and_harms_no_other_request(run):
    async def scenario():
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/begun":
                await start(send, 200, [(b"x-said", b"1")])
            if scope["path"] in {"/bad", "/begun"}:
                raise RuntimeError("secret")
            if scope["path"] != "/silent":
                await echo(scope, receive, send)

        async with serving(application) as serve:
            other = await serve.client()
            for target in (b"/bad", b"/begun", b"/silent"):
                client = await serve.client()
                answer = await client.get(target)
                assert (answer.status, answer.values(b"x-said")) == (500, [])
                assert b"secret" not in answer.body
                # Either it says that this was the last, or it was not.
                if answer.values(b"connection") == [b"close"]:
                    assert await client.rest() == b""
                else:
                    assert (await client.get()).status == 200
                assert (await other.get()).status == 200

    run(scenario)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("how", ["chunked", "sized", "returns"])
def test_an_answer_that_breaks_off_does_not_look_whole(run, version, how):
    async def scenario():
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await start(send, headers=[(b"content-length", b"100")] if how == "sized" else None)
            await more(send, b"half")
            if how != "returns":
                raise RuntimeError

        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"GET / HTTP/" + version + b"\r\nHost: a\r\n\r\n")
            begun: list[bytes] = []
            try:
                while data := await client.reader.read(1000):
                    begun.append(data)
            except ConnectionError:
                # A reset is the one way to tell a client whose answer ends with the connection.
                return
            assert version == b"1.1" or how == "sized", begun
            head, _, body = b"".join(begun).partition(b"\r\n\r\n")
            if b"content-length" in head:
                assert body == b"half"
            else:
                assert body == chunk(b"half")

    run(scenario)


@pytest.mark.parametrize("pieces", [[b"abc"], [b"ab", b"c"], [b"abcdefg"], [b"abcd", b"efg"], [b"abcde", b"x"]])
def test_an_answer_of_another_length_than_said_does_not_look_whole(run, pieces):
    async def scenario():
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await start(send, headers=[(b"content-length", b"5")])
            for piece in pieces[:-1]:
                await more(send, piece)
            await last(send, pieces[-1])

        async with serving(application) as serve:
            client = await serve.client()
            await client.send(GET + GET)
            heard = await client.rest()
            if heard:
                head, _, body = heard.partition(b"\r\n\r\n")
                # One answer at most, never more of it than was said, and whole only where all of it was there before.
                assert (b"content-length: 5" in head and len(body) <= 5) or b" 500 " in head
                assert heard.count(b"HTTP/1.1 200") <= 1

    run(scenario)


def test_a_head_that_takes_too_long_is_408(run, monkeypatch):
    monkeypatch.setattr(server_module, "SWEEP_SECONDS", 0.02)

    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            await client.get()
            monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.3)
            # Not even when it comes without a pause, a little at a time.
            dripping = asyncio.create_task(drip(client))
            answer = await client.answer()
            dripping.cancel()
            assert (answer.status, answer.values(b"connection")) == (408, [b"close"])
            assert await client.rest() == b""

    async def drip(client):
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        while True:
            await client.send(b"x")
            await asyncio.sleep(0.01)

    run(scenario)


def test_a_second_head_that_takes_too_long_is_408_as_well(run, monkeypatch):
    monkeypatch.setattr(server_module, "SWEEP_SECONDS", 0.02)

    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            await client.get()
            monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.2)
            await client.send(GET + b"GET / HT")
            assert (await client.answer()).status == 200
            assert (await client.answer()).status == 408

    run(scenario)


def test_slow_bodies_and_slow_applications_are_not_the_servers_to_end(run, monkeypatch):
    monkeypatch.setattr(server_module, "SWEEP_SECONDS", 0.02)

    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            await client.get()
            monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.1)
            monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.1)
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
            for _ in range(10):
                await client.send(b"x")
                await asyncio.sleep(0.05)
            assert (await client.answer()).body == b"POST / " + b"x" * 10

    run(scenario)


def test_an_idle_connection_is_closed_without_a_word(run, monkeypatch):
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(server_module, "SWEEP_SECONDS", 0.02)

    async def scenario():
        async with serving(echo) as serve:
            used = await serve.client()
            assert (await used.get()).status == 200
            monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.2)
            unused = await serve.client()
            assert (await used.rest(), await unused.rest()) == (b"", b"")

    run(scenario)


def test_a_client_who_never_reads_does_not_hold_its_connection_for_ever(run, monkeypatch):
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(server_module, "SWEEP_SECONDS", 0.02)

    async def scenario():
        for version in (b"1.1", b"1.0"):
            # More than the kernel's buffers hold.
            async with serving(says(b"x" * 32_000_000)) as serve:
                client = await serve.client(receive_buffer=4096)
                client.read_nothing()
                await client.send(b"GET / HTTP/" + version + b"\r\nHost: a\r\n\r\n")
                connections = serve.server.connections
                await until(connections.__len__)
                await until(partial(operator.not_, connections))

    run(scenario)


def test_a_body_is_not_read_faster_than_the_application_takes_it(run):
    async def scenario():
        release = asyncio.Event()
        sizes: list[int] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await release.wait()
            going_on = True
            while going_on:
                message = await receive()
                sizes.append(len(message["body"]))
                going_on = message["more_body"]
            await start(send)
            await last(send, b"read")

        async with serving(application) as serve:
            client = await serve.client()
            size = 32_000_000
            sending = asyncio.create_task(
                client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
            )
            await settled(client.writer.transport.get_write_buffer_size)
            release.set()
            assert (await client.answer()).body == b"read"
            await sending
            assert sum(sizes) == size
            assert max(sizes) < 2_000_000

    run(scenario)


def test_an_answer_is_not_written_faster_than_the_client_reads_it(run):
    async def scenario():
        sent = 0
        piece = b"x" * 64_000

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal sent
            await start(send)
            for _ in range(1000):
                await more(send, piece)
                sent += 1
            await last(send)

        async with serving(application) as serve:
            client = await serve.client(receive_buffer=65_536)
            client.read_nothing()
            await client.send(GET)
            await until(lambda: sent)
            await settled(lambda: sent)
            assert sent < 500
            client.read_on()
            assert len((await client.answer()).body) == 1000 * len(piece)

    run(scenario)


def test_a_client_who_goes_does_not_keep_a_writer_waiting(run):
    async def scenario():
        ended = asyncio.Event()
        begun = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await start(send)
            begun.set()
            for _ in range(2000):
                await more(send, b"x" * 64_000)
            ended.set()

        async with serving(application) as serve:
            client = await serve.client(receive_buffer=65_536)
            client.read_nothing()
            await client.send(GET)
            await begun.wait()
            client.leave()
            await ended.wait()
            await until(lambda: not serve.server.connections)

    run(scenario)


def test_draining_makes_every_answer_the_last_and_drops_none(run):
    async def scenario():
        application = Waiting()
        async with serving(application) as serve:
            idle, busy, late, half = [await serve.client() for _ in range(4)]
            assert (await idle.get()).values(b"connection") == []
            assert (await late.get()).values(b"connection") == []
            await busy.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            await application.begun.wait()
            await half.send(b"GET / HTTP/1.1\r\n")
            await until(lambda: len(serve.server.connections) == 4)
            serve.server.drain()
            assert serve.server.draining
            answer = await late.get()
            assert (answer.status, answer.values(b"connection")) == (200, [b"close"])
            assert await late.rest() == b""
            # What came before the request that has just been answered has been read by now.
            serve.server.close_idle()
            assert await idle.rest() == b""
            await half.send(b"Host: a\r\n\r\n")
            assert (await half.answer()).values(b"connection") == [b"close"]
            application.release.set()
            answer = await busy.answer()
            assert (answer.body, answer.values(b"connection")) == (b"late", [b"close"])
            await until(lambda: not serve.server.connections)
            assert serve.server.abort() == 0

    run(scenario)


def test_an_answer_that_had_begun_before_draining_is_finished(run):
    async def scenario():
        release = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await start(send)
            await more(send, b"first")
            await release.wait()
            await last(send, b"last")

        async with serving(application) as serve:
            client = await serve.client()
            await client.send(GET)
            begun = await client.head()
            assert begun.values(b"connection") == []
            serve.server.drain()
            serve.server.close_idle()
            release.set()
            assert await client.reader.readexactly(len(chunk(b"first") + chunk(b"last") + LAST))
            # Nothing said that it was the last; so it is closed as an idle one.
            while serve.server.connections:
                serve.server.close_idle()
                await asyncio.sleep(0.01)
            assert await client.rest() == b""

    run(scenario)


def test_aborting_cuts_off_what_is_left(run):
    async def scenario():
        application = Waiting()
        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            await application.begun.wait()
            assert serve.server.abort() == 1
            await application.gone.wait()
            assert not await client.rest()
            application.release.set()

    run(scenario)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000, 431),
        (b"GET /" + b"x" * 20_000, 414),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_and_nothing_behind_it_is_heard(run, sent, status):
    asked: list[bytes] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["raw_target"])
        message = await receive()
        if message["type"] == "http.request":
            await echo(scope, receive, send)

    async def scenario():
        async with serving(application) as serve:
            client = await serve.client()
            await client.send(sent)
            answer = await client.answer()
            assert (answer.status, answer.values(b"connection")) == (status, [b"close"])
            assert len(answer.values(b"date")) == 1
            await client.send(GET)
            assert await client.rest() == b""

    run(scenario)
    # Of the last kind the head was a request's.
    assert len(asked) <= 1


def test_a_body_that_goes_wrong_after_the_answer_began_ends_the_connection(run):
    async def scenario():
        gone = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"]["techcommerce.exchange"].on_gone(gone.set)
            await start(send)
            await more(send, b"first")
            await receive()
            assert (await receive())["type"] == "http.disconnect"

        async with serving(application) as serve:
            client = await serve.client()
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
            assert (await client.head()).status == 200
            assert await client.reader.readexactly(len(chunk(b"first"))) == chunk(b"first")
            await client.send(b"nonsense\r\n")
            await gone.wait()
            assert not await client.rest()

    run(scenario)


def test_empty_lines_before_a_request_are_passed_over(run):
    async def scenario():
        async with serving(echo) as serve:
            client = await serve.client()
            await client.send(b"\r\n\r\n" + GET + b"\r\n" + GET)
            assert [(await client.answer()).status for _ in range(2)] == [200, 200]

    run(scenario)


def test_a_thousand_connections_come_and_go(run):
    async def scenario():
        async with serving(echo) as serve:

            async def visit(number: int) -> None:
                client = await serve.client()
                if number % 3:
                    assert (await client.get()).status == 200
                if number % 2:
                    await client.send(b"GET / HT")
                client.leave()
                serve.clients.remove(client)

            for begin in range(0, 1000, 50):
                await asyncio.gather(*(visit(begin + number) for number in range(50)))
            await until(lambda: not serve.server.connections)

    run(scenario)
