from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import REGISTRY

from gateway.proxy import shadow as shadowing
from gateway.proxy.compare import compare
from gateway.proxy.ignore import NO_RULES, Rule, Rules
from gateway.proxy.shadow import BODY_KEPT, Asked, Compared, Mirrored, Shadow, ShadowOptions
from gateway.proxy.upstream import Answer, Limits, PooledUpstream, UpstreamError
from tests.unit.gateway.proxy.support import Recorder

JSON = [(b"content-type", b"application/json")]
Say = Callable[[], Awaitable[tuple[int, bytes]]]


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@dataclass
class Fake:
    """An upstream that answers as told."""

    say: Say
    asked: list[tuple[str, bytes, list[tuple[bytes, bytes]]]] = field(default_factory=list)
    now: int = 0
    most: int = 0
    host: bytes = b"fake"

    async def close(self) -> None:
        pass

    @asynccontextmanager
    async def exchange(self, *, method: str, target: bytes, headers: Any, body: Any) -> AsyncIterator[Answer]:
        self.asked.append((method, target, headers))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            status, said = await self.say()
            yield Answer(status, JSON, pieces(said))
        finally:
            self.now -= 1


@dataclass
class Kept:
    """A sink that remembers."""

    batches: list[Sequence[Compared]] = field(default_factory=list)
    broken: bool = False
    hanging: bool = False

    async def write(self, batch: Sequence[Compared]) -> None:
        if self.hanging:
            await asyncio.Event().wait()
        if self.broken:
            raise OSError("away")
        self.batches.append(batch)

    @property
    def all(self) -> list[Compared]:
        return [compared for batch in self.batches for compared in batch]


def saying(body: bytes, status: int = 200) -> Say:
    async def say() -> tuple[int, bytes]:
        return status, body

    return say


async def hang() -> tuple[int, bytes]:
    await asyncio.Event().wait()
    raise AssertionError


def mirrored(body: bytes | None = b'{"a": 1}', *, headers: Any = (), target: bytes = b"/products/A?x=1") -> Mirrored:
    return Mirrored(
        capability="products",
        route="/products/{sku}",
        method="GET",
        target=target,
        status=200,
        headers=JSON,
        body=body,
        primary=Asked(upstream="legacy", headers=[(b"authorization", b"Bearer l"), *headers]),
        candidate=Asked(upstream="products", headers=[(b"authorization", b"Bearer p"), *headers]),
    )


@dataclass
class Running:
    shadow: Shadow
    primary: Fake
    candidate: Fake
    kept: Kept

    async def compared(self, number: int = 1) -> list[Compared]:
        await until(lambda: len(self.kept.all) >= number)
        return self.kept.all


@asynccontextmanager
async def running(
    *,
    primary: Say | None = None,
    candidate: Say | None = None,
    rules: Rules = NO_RULES,
    kept: Kept | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    sides = Fake(primary or saying(b'{"a": 1}')), Fake(candidate or saying(b'{"a":  1}'))
    kept = kept or Kept()
    shadow = Shadow(
        upstreams={"legacy": sides[0], "products": sides[1]},
        sink=kept,
        rules=lambda: rules,
        options=ShadowOptions(**{"noise_share": 0.0, "flush_seconds": 0.01, "seconds": 30.0, **options}),
        rng=random.Random(7),
    )
    await shadow.start()
    try:
        yield Running(shadow, *sides, kept)
    finally:
        await shadow.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.002)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize(
    ("body", "result"), [(b'{"a":  1}', "equal"), (b'{"a": 2}', "different"), (b"oops", "different")]
)
def test_the_other_side_is_asked_the_same_and_compared(body, result):
    async def scenario():
        before = sample("techcommerce_shadow_comparisons_total", capability="products", result=result)
        async with running(candidate=saying(body)) as here:
            here.shadow.offer(mirrored())
            (compared,) = await here.compared()
        assert (compared.result, compared.route, compared.control) == (result, "/products/{sku}", None)
        assert (compared.answers is None) == (result == "equal")
        headers = [(b"authorization", b"Bearer p"), (b"x-techcommerce-shadow", b"1")]
        assert here.candidate.asked == [("GET", b"/products/A?x=1", headers)]
        assert here.primary.asked == []
        after = sample("techcommerce_shadow_comparisons_total", capability="products", result=result)
        assert after == before + 1

    asyncio.run(scenario())


def test_of_a_sample_the_first_side_is_asked_again_whatever_the_other_said():
    async def scenario():
        async with running(primary=saying(b'{"a": 3}'), noise_share=1.0) as here:
            here.shadow.offer(mirrored())
            (compared,) = await here.compared()
        assert compared.result == "equal"
        assert compared.control is not None
        assert [found.path for found in compared.control.differences] == ["a"]
        assert here.primary.asked[0][2][0] == (b"authorization", b"Bearer l")

    asyncio.run(scenario())


def test_the_sample_is_as_large_as_was_said():
    async def scenario():
        async with running(noise_share=0.25, queue=2000) as here:
            for _ in range(1000):
                here.shadow.offer(mirrored())
            await here.compared(1000)
        assert 180 < len(here.primary.asked) < 320

    asyncio.run(scenario())


async def refuse() -> tuple[int, bytes]:
    raise UpstreamError


@pytest.mark.parametrize(("say", "options"), [(refuse, {}), (hang, {"seconds": 0.02})])
def test_no_answer_is_a_failure_and_no_difference(say, options):
    async def scenario():
        async with running(candidate=say, **options) as here:
            here.shadow.offer(mirrored())
            (compared,) = await here.compared()
        assert (compared.result, compared.comparison) == ("failed", None)

    asyncio.run(scenario())


def test_a_side_that_leaves_the_answer_to_the_owner_is_neither_different_nor_failed():
    async def scenario():
        dropped = sample("techcommerce_shadow_dropped_total", capability="products")
        async with running(candidate=saying(b"not mine", 421), workers=1) as here:
            here.shadow.offer(mirrored())
            (compared,) = await here.compared()
            assert (compared.result, compared.times, compared.answers) == ("dropped", 1, None)
            here.candidate.say = saying(b'{"a": 1}')
            here.shadow.offer(mirrored())
            assert [each.result for each in await here.compared(2)] == ["dropped", "equal"]
        assert sample("techcommerce_shadow_dropped_total", capability="products") == dropped + 1

    asyncio.run(scenario())


def test_a_first_side_that_sends_the_second_ask_away_leaves_the_comparison():
    async def scenario():
        async with running(primary=saying(b"", 421), noise_share=1.0) as here:
            here.shadow.offer(mirrored())
            (compared,) = await here.compared()
        assert (compared.result, compared.control) == ("equal", None)

    asyncio.run(scenario())


def test_a_first_side_that_does_not_answer_again_leaves_the_comparison():
    async def scenario():
        async with running(primary=refuse, noise_share=1.0) as here:
            here.shadow.offer(mirrored())
            (compared,) = await here.compared()
        assert (compared.result, compared.control) == ("equal", None)

    asyncio.run(scenario())


def test_a_bug_costs_one_comparison_and_no_worker(monkeypatch):
    async def scenario():
        async with running(workers=1) as here:
            with monkeypatch.context() as patched:
                patched.setattr(shadowing, "compare", lambda *_, **__: 1 / 0)
                here.shadow.offer(mirrored())
                await here.compared()
            here.shadow.offer(mirrored())
            assert [compared.result for compared in await here.compared(2)] == ["failed", "equal"]

    asyncio.run(scenario())


def test_a_side_that_hangs_holds_up_nobody_and_what_is_too_much_is_dropped():
    async def scenario():
        dropped = sample("techcommerce_shadow_dropped_total", capability="products")
        async with running(candidate=hang, queue=5, workers=3) as here:
            for _ in range(100):
                here.shadow.offer(mirrored())
            # Nothing was waited for: no worker has so much as begun.
            assert here.candidate.asked == []
            await until(lambda: here.candidate.now == 3)
            for _ in range(100):
                here.shadow.offer(mirrored())
            await asyncio.sleep(0.05)
            assert here.candidate.most == 3
            assert sample("techcommerce_shadow_queue") == 5
        counted = sum(compared.times for compared in here.kept.all if compared.result == "dropped")
        # Five waited at first, of which three were asked; three more could wait; five waited at the end.
        assert counted == sample("techcommerce_shadow_dropped_total", capability="products") - dropped == 197
        assert sample("techcommerce_shadow_queue") == 0

    asyncio.run(scenario())


def test_the_queue_is_bounded_in_bytes_too():
    async def scenario():
        async with running(candidate=hang, queue_bytes=2500, workers=1) as here:
            for _ in range(4):
                here.shadow.offer(mirrored(b"x" * 1000))
            assert sample("techcommerce_shadow_queue") == 2
        assert sample("techcommerce_shadow_queue") == 0

    asyncio.run(scenario())


def test_dropping_is_said_in_the_log_but_not_each_time(monkeypatch):
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(shadowing._logger, "warning", lambda event, **fields: said.append({"event": event, **fields}))
    now = [100.0]
    shadow = Shadow(
        upstreams={},
        sink=Kept(),
        rules=lambda: NO_RULES,
        options=ShadowOptions(),
        rng=random.Random(),
        clock=lambda: now[0],
    )
    for seconds in (0, 1, 2, 11):
        now[0] = 100.0 + seconds
        shadow.offer(mirrored())
    assert [(each["event"], each["dropped"]) for each in said] == [("shadow_dropped", 1), ("shadow_dropped", 3)]


@pytest.mark.parametrize("name", [b"if-none-match", b"if-modified-since", b"range"])
def test_conditional_and_partial_requests_are_passed_over(name):
    async def scenario():
        async with running() as here:
            here.shadow.offer(mirrored(headers=[(name, b"x")]))
            here.shadow.offer(mirrored(target=b"/products/B"))
            await here.compared()
        assert [target for _, target, _ in here.candidate.asked] == [b"/products/B"]

    asyncio.run(scenario())


def test_no_more_of_a_body_is_kept_than_may_be():
    async def scenario():
        async with running(candidate=saying(b"x" * (BODY_KEPT + 1))) as here:
            here.shadow.offer(mirrored())
            (compared,) = await here.compared()
        assert compared.answers is not None and compared.answers.candidate.body is None
        assert compared.comparison is not None
        assert [(found.path, found.kind) for found in compared.comparison.differences] == [(":body", "length")]

    asyncio.run(scenario())


def test_large_bodies_are_compared_off_the_event_loop(monkeypatch):
    threads = []

    def noted(*sides: Any, **more: Any) -> Any:
        threads.append(threading.current_thread())
        return compare(*sides, **more)

    monkeypatch.setattr(shadowing, "compare", noted)

    async def scenario():
        async with running(candidate=saying(b'{"a": "' + b"y" * 50_000 + b'"}')) as here:
            here.shadow.offer(mirrored())
            await here.compared()

    asyncio.run(scenario())
    assert threads and threading.main_thread() not in threads


def test_rules_are_applied():
    async def scenario():
        rules = Rules([Rule(id=3, capability=None, pattern="a")])
        async with running(candidate=saying(b'{"a": 2}'), rules=rules) as here:
            here.shadow.offer(mirrored())
            (compared,) = await here.compared()
        assert compared.result == "equal" and compared.comparison is not None
        assert compared.comparison.ignored == {3}

    asyncio.run(scenario())


@pytest.mark.parametrize("trouble", ["broken", "hanging"])
def test_a_sink_in_trouble_loses_its_batch_and_no_other(trouble):
    async def scenario():
        lost = sample("techcommerce_shadow_lost_total")
        kept = Kept()
        setattr(kept, trouble, True)
        async with running(kept=kept, sink_seconds=0.02) as here:
            here.shadow.offer(mirrored())
            await until(lambda: sample("techcommerce_shadow_lost_total") > lost)
            kept.broken = kept.hanging = False
            here.shadow.offer(mirrored())
            await here.compared()
        assert len(kept.all) == 1
        assert sample("techcommerce_shadow_lost_total") == lost + 1

    asyncio.run(scenario())


def test_what_waits_to_be_written_is_bounded():
    async def scenario():
        body = b'{"a": "' + b"x" * 1000 + b'"}'
        async with running(candidate=saying(body), flush_seconds=60, pending=6, pending_bytes=3500) as here:
            for _ in range(10):
                here.shadow.offer(mirrored())
            await until(lambda: len(here.candidate.asked) == 10 and here.candidate.now == 0)
        assert [compared.answers is not None for compared in here.kept.all] == [True] * 3 + [False] * 3

    asyncio.run(scenario())


def test_closing_writes_what_there_is_and_drops_what_waits():
    async def scenario():
        async with running(flush_seconds=60, workers=1) as here:
            here.shadow.offer(mirrored())
            await until(lambda: here.candidate.asked and not here.candidate.now)
            here.candidate.say = hang
            for _ in range(3):
                here.shadow.offer(mirrored())
            await until(lambda: here.candidate.now)
        results = [(compared.result, compared.times) for compared in here.kept.all]
        assert results == [("equal", 1), ("dropped", 2)]
        assert here.candidate.now == 0
        here.shadow.offer(mirrored())

    asyncio.run(scenario())


def test_it_asks_over_real_sockets_through_the_data_planes_own_client():
    async def answer(request: Any, writer: asyncio.StreamWriter) -> None:
        body = b'{"a": 2}'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head + body)

    async def scenario() -> None:
        recorder = Recorder(answer)
        server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        upstream = PooledUpstream(url=f"http://127.0.0.1:{port}", limits=Limits(connect=20.0, read=20.0))
        kept = Kept()
        shadow = Shadow(
            upstreams={"legacy": upstream, "products": upstream},
            sink=kept,
            rules=lambda: NO_RULES,
            options=ShadowOptions(flush_seconds=0.01, noise_share=1.0, seconds=20.0),
            rng=random.Random(7),
        )
        await shadow.start()
        shadow.offer(mirrored(headers=[(b"host", b"products")]))
        await until(lambda: kept.all)
        await shadow.close()
        await upstream.close()
        server.close()
        (compared,) = kept.all
        assert compared.result == "different" and compared.control is not None
        assert len(recorder.requests) == 2
        for request in recorder.requests:
            assert request.line == b"GET /products/A?x=1 HTTP/1.1"
            assert request.values(b"x-techcommerce-shadow") == [b"1"]

    asyncio.run(scenario())
