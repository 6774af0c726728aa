"""One component's connections over real sockets, under uvloop and under asyncio's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.proxy.connection import READ_AHEAD
from gateway.proxy.upstream import (
    Babble,
    Body,
    CutShort,
    Limits,
    PooledUpstream,
    Resting,
    Saturated,
    TimedOut,
    Unreachable,
    UpstreamError,
)
from tests.unit.gateway.proxy.support import cut, unused_port
from tests.unit.gateway.wire.serving import LOOPS, run_in, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=sorted(LOOPS))
def run(request):
    return lambda scenario: run_in(request.param, scenario)


@dataclass
class Component:
    """A component that answers each head that comes as its script says."""

    script: Script
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                answering = asyncio.ensure_future(self.script(head, reader, writer))
                while not answering.done() and not reader.at_eof():
                    await asyncio.wait({answering}, timeout=0.005)
                if not answering.done():
                    answering.cancel()
                    return
                answering.result()
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


def says(answer: bytes, *, close: bool = False) -> Script:
    async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if close:
            writer.close()

    return script


@asynccontextmanager
async def component(script: Script, **changes: float) -> AsyncIterator[tuple[PooledUpstream, Component]]:
    known = Component(script)
    server = await asyncio.start_server(known.serve, "127.0.0.1", 0)
    known.port = server.sockets[0].getsockname()[1]
    limits = Limits(
        connect=changes.get("connect", 20.0),
        read=changes.get("read", 20.0),
        concurrency=int(changes.get("concurrency", 256)),
    )
    upstream = PooledUpstream(url=f"http://127.0.0.1:{known.port}", limits=limits)
    try:
        yield upstream, known
    finally:
        await upstream.close()
        server.close()
        async with asyncio.timeout(20):
            await until(lambda: not known.open)


async def ask(
    upstream: PooledUpstream,
    *,
    method: str = "GET",
    body: Body | None = None,
    length: int = 0,
    patience: float | None = None,
) -> tuple[int, bytes]:
    headers = [(b"host", upstream.host)]
    if length:
        headers.append((b"content-length", b"%d" % length))
    answer = await upstream.ask(method=method, target=b"/x?", headers=headers, body=body, patience=patience)
    try:
        pieces = []
        while piece := await answer.read():
            pieces.append(piece)
        return answer.status, b"".join(pieces)
    finally:
        answer.close()


@pytest.mark.parametrize(
    ("answer", "status", "body", "kept"),
    [
        (OK, 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: x\r\n\r\n", 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    ],
)
def test_an_answer_ends_where_it_says_and_leaves_the_connection_for_the_next(run, answer, status, body, kept):
    async def scenario():
        async with component(says(answer)) as (upstream, known):
            assert [await ask(upstream) for _ in range(3)] == [(status, body)] * 3
            assert known.connections == (1 if kept else 3)
            assert known.heads[0].startswith(b"GET /x? HTTP/1.1\r\nhost: 127.0.0.1:")

    run(scenario)


def test_an_answer_may_come_octet_by_octet(run):
    async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n":
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)

    async def scenario():
        async with component(script) as (upstream, known):
            assert [await ask(upstream) for _ in range(3)] == [(200, b"ok")] * 3
            assert known.connections == 1

    run(scenario)


def test_an_answer_without_a_length_ends_with_its_connection(run):
    async def scenario():
        async with component(says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000, close=True)) as (upstream, known):
            assert [await ask(upstream) for _ in range(2)] == [(200, b"x" * 300_000)] * 2
            assert known.connections == 2

    run(scenario)


def test_the_answer_to_head_has_no_body_whatever_its_length(run):
    async def scenario():
        async with component(says(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")) as (upstream, known):
            assert [await ask(upstream, method="HEAD") for _ in range(2)] == [(200, b"")] * 2
            assert known.connections == 1

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example.test ESMTP\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 40 + OK,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    ],
)
def test_nonsense_is_no_answer_and_its_connection_is_not_used_again(run, answer):
    async def scenario():
        async with component(says(answer)) as (upstream, known):
            for number in (1, 2):
                with pytest.raises(Babble):
                    await ask(upstream)
                assert known.connections == number

    run(scenario)


@pytest.mark.parametrize("behind", [b"x", OK, b"HTTP/1.1 500 Poisoned\r\nContent-Length: 0\r\n\r\n"])
def test_what_nobody_asked_for_is_never_taken_for_the_next_answer(run, behind):
    async def scenario():
        async with component(says(OK + behind)) as (upstream, known):
            assert [await ask(upstream) for _ in range(3)] == [(200, b"ok")] * 3
            assert known.connections == 3

    run(scenario)


def test_what_nobody_asked_for_may_come_late_as_well(run):
    async def scenario():
        writers: list[asyncio.StreamWriter] = []

        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            writers.append(writer)

        async with component(script) as (upstream, known):
            assert await ask(upstream) == (200, b"ok")
            writers[0].write(b"HTTP/1.1 500 Poisoned\r\nContent-Length: 0\r\n\r\n")
            await until(lambda: known.open == 0)
            assert await ask(upstream) == (200, b"ok")
            assert known.connections == 2

    run(scenario)


def test_silence_is_waited_for_no_longer_than_allowed(run):
    async def scenario():
        async with component(says(b""), read=0.2) as (upstream, known):
            with pytest.raises(TimedOut):
                await ask(upstream)
        async with component(says(b"")) as (upstream, known):
            with pytest.raises(TimedOut):
                await ask(upstream, patience=0.2)
            await until(lambda: not known.open)

    run(scenario)


def test_a_body_that_stalls_is_waited_for_no_longer_than_allowed(run):
    async def scenario():
        async with component(says(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nbegun"), read=0.2) as (
            upstream,
            _,
        ):
            with pytest.raises(TimedOut):
                await ask(upstream)

    run(scenario)


def test_patience_is_for_the_head_and_not_for_the_body(run):
    async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await writer.drain()
        await asyncio.sleep(1.5)
        writer.write(b"1\r\nb\r\n0\r\n\r\n")

    async def scenario():
        async with component(script) as (upstream, _):
            assert await ask(upstream, patience=1.0) == (200, b"ab")

    run(scenario)


def test_nobody_there_is_known_at_once(run):
    async def scenario():
        upstream = PooledUpstream(url=f"http://127.0.0.1:{unused_port()}", limits=Limits(connect=20, read=20))
        with pytest.raises(Unreachable):
            await ask(upstream)
        await upstream.close()

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhalf",
    ],
)
def test_a_body_that_is_cut_off_is_cut_short(run, answer):
    async def scenario():
        heard = asyncio.Event()

        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            await writer.drain()
            await heard.wait()
            cut(writer)

        async with component(script) as (upstream, _):
            answering = await upstream.ask(method="GET", target=b"/", headers=[(b"host", b"a")], body=None)
            assert await answering.read() == b"half"
            heard.set()
            with pytest.raises(CutShort):
                await answering.read()
            answering.close()

    run(scenario)


async def pieces_of(number: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b"x" * size


async def take_body(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(b"%d" % len(body)), b"%d" % len(body)))


def test_a_body_goes_out_whole_or_piece_by_piece(run):
    async def scenario():
        async with component(take_body) as (upstream, known):
            assert await ask(upstream, method="POST", body=b"x" * 1000, length=1000) == (200, b"1000")
            streamed = pieces_of(100, 20_000)
            assert await ask(upstream, method="POST", body=streamed, length=2_000_000) == (200, b"2000000")
            assert await ask(upstream, method="POST", body=b"y", length=1) == (200, b"1")
            assert known.connections == 1

    run(scenario)


def test_a_body_is_sent_no_faster_than_it_is_taken(run):
    async def scenario():
        release = asyncio.Event()
        given = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal given
            for _ in range(1000):
                given += 1
                yield b"x" * 64_000

        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await release.wait()
            await take_body(head, reader, writer)

        async with component(script) as (upstream, _):
            asking = asyncio.create_task(ask(upstream, method="POST", body=body(), length=64_000_000))
            before, same = -1, 0
            while same < 20:
                same = same + 1 if given == before and given else 0
                before = given
                await asyncio.sleep(0.02)
            assert given < 500
            release.set()
            assert await asking == (200, b"64000000")

    run(scenario)


def test_an_answer_is_taken_no_faster_than_it_is_read(run):
    async def scenario():
        written = 0

        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n")
            for _ in range(1000):
                writer.write(b"x" * 64_000)
                await writer.drain()
                written += 1

        async with component(script) as (upstream, known):
            answering = await upstream.ask(method="GET", target=b"/", headers=[(b"host", b"a")], body=None)
            before, same = -1, 0
            while same < 20:
                same = same + 1 if written == before and written else 0
                before = written
                await asyncio.sleep(0.02)
            assert written < 500
            size = 0
            while piece := await answering.read():
                # What is held is little more than what is read ahead.
                assert len(piece) < 4 * READ_AHEAD
                size += len(piece)
            answering.close()
            assert size == 64_000_000
            assert await ask(upstream) == (200, b"x" * 64_000_000)
            assert known.connections == 1

    run(scenario)


def test_an_answer_that_comes_before_the_body_is_sent_counts(run):
    async def scenario():
        async def endless() -> AsyncIterator[bytes]:
            yield b"begun"
            await asyncio.Event().wait()

        async with component(says(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")) as (upstream, known):
            assert await ask(upstream, method="POST", body=endless(), length=1000) == (413, b"no")
            # What is left of the body would be read as the next request.
            await until(lambda: not known.open)
            assert await ask(upstream) == (413, b"no")
            assert known.connections == 2

    run(scenario)


def test_what_goes_wrong_with_the_bodys_source_is_raised_and_not_held_against_the_component(run):
    class SourceFailed(Exception):
        pass

    async def scenario():
        async def failing() -> AsyncIterator[bytes]:
            yield b"begun"
            raise SourceFailed

        async with component(take_body) as (upstream, known):
            for _ in range(40):
                with pytest.raises(SourceFailed):
                    await ask(upstream, method="POST", body=failing(), length=1000)
            assert upstream.breaker.state == "closed"
            await until(lambda: not known.open)

    run(scenario)


def test_no_more_than_the_limit_is_under_way_and_every_way_out_frees_its_place(run):
    async def scenario():
        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if hanging:
                await asyncio.sleep(300)
            writer.write(OK)

        hanging = True
        async with component(script, concurrency=5) as (upstream, known):
            for seconds in (0, 0.001, 0.01, 0.1):
                asking = [asyncio.create_task(ask(upstream)) for _ in range(5)]
                await asyncio.sleep(0)
                with pytest.raises(Saturated):
                    await ask(upstream)
                await asyncio.sleep(seconds)
                for task in asking:
                    task.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
            for _ in range(5):
                with pytest.raises(TimedOut):
                    await ask(upstream, patience=0.05)
            hanging = False
            assert await asyncio.gather(*(ask(upstream) for _ in range(5))) == [(200, b"ok")] * 5
            # The component's side, too, sees everyone gone but those that are kept.
            await upstream.close()
            await until(lambda: not known.open)

    run(scenario)


@pytest.mark.parametrize("seconds", [0, 0.0005, 0.001, 0.005, 0.05])
def test_whoever_is_cancelled_at_any_moment_leaves_no_connection_behind(run, seconds):
    async def scenario():
        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(300)

        async with component(script) as (upstream, known):
            asking = [asyncio.create_task(ask(upstream)) for _ in range(50)]
            await asyncio.sleep(seconds)
            for task in asking:
                task.cancel()
            ended = await asyncio.gather(*asking, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in ended)
            await until(lambda: not known.open)
            assert upstream.breaker.state == "closed"

    run(scenario)


def test_the_breaker_opens_and_says_so(run):
    async def scenario():
        told: list[str] = []
        now = 1000.0
        works = False

        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if works:
                writer.write(OK)
            else:
                cut(writer)

        async with component(script) as (_, known):
            upstream = PooledUpstream(
                url=f"http://127.0.0.1:{known.port}",
                limits=Limits(connect=20, read=20),
                on_breaker=told.append,
                clock=lambda: now,
            )
            for _ in range(20):
                with pytest.raises(Unreachable):
                    await ask(upstream)
            assert told == ["open"]
            with pytest.raises(Resting) as caught:
                await ask(upstream)
            assert caught.value.retry_after == 1
            now, works = now + 1, True
            assert await ask(upstream) == (200, b"ok")
            assert told == ["open", "closed"]
            await upstream.close()

    run(scenario)


def test_answers_that_break_off_open_the_breaker_as_well(run):
    async def scenario():
        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nhalf")
            await writer.drain()
            writer.close()

        async with component(script) as (upstream, _):
            for _ in range(60):
                with pytest.raises(UpstreamError):
                    await ask(upstream)
            assert upstream.breaker.state == "open"

    run(scenario)


def test_an_answer_that_is_not_read_to_its_end_takes_its_connection_along(run):
    async def scenario():
        async with component(says(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nbegun")) as (upstream, known):
            async with upstream.exchange(method="GET", target=b"/", headers=[(b"host", b"a")], body=None) as answer:
                assert answer.status == 200
            await until(lambda: not known.open)

    run(scenario)


def test_connections_that_the_component_has_closed_meanwhile_are_not_used(run):
    async def scenario():
        writers: list[asyncio.StreamWriter] = []

        async def script(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await asyncio.sleep(0.05)
            writer.write(OK)

        async with component(script) as (upstream, known):
            await asyncio.gather(*(ask(upstream) for _ in range(20)))
            assert known.connections == 20
            for writer in writers:
                writer.close()
            await until(lambda: not known.open)
            await asyncio.sleep(0.05)
            # Not even a write, which is never sent twice, meets one of them.
            assert await ask(upstream, method="DELETE") == (200, b"ok")

    run(scenario)
