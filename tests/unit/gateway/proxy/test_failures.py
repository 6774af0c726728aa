"""What a shopper gets while components fail, move, hang or are overrun: through the data plane, over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field, replace
from typing import Any

import jwt
import pytest
from prometheus_client import REGISTRY

from gateway import override
from gateway.proxy import misdirected
from gateway.proxy.shadow import Mirrored
from gateway.routing.table import Route, RoutingTable, Side
from tests.unit.gateway.proxy.support import (
    KEYS,
    VISITORS,
    Front,
    Handler,
    Heard,
    Received,
    access_token,
    cut,
    front,
    say_ok,
    unused_port,
)

SERVICE = Route.to("service")
MONOLITH = Route.to("monolith")
MOVED = RoutingTable(revision=1, routes={"products": SERVICE, "orders": SERVICE})
FIXED = RoutingTable(
    revision=1, routes={"products": replace(SERVICE, fallback=False), "orders": replace(SERVICE, fallback=False)}
)
TOKEN = (b"authorization", b"Bearer " + access_token(lifetime=3600).encode())


def run(scenario):
    async def bounded():
        async with asyncio.timeout(90):
            return await scenario()

    return asyncio.run(bounded())


def slug(heard: Heard) -> str:
    return str(json.loads(heard.body)["type"]).removeprefix("/problems/")


def audience(headers: list[tuple[bytes, bytes]]) -> str:
    (token,) = [value.split()[1].decode() for name, value in headers if name.lower() == b"authorization"]
    return str(jwt.decode(token, options={"verify_signature": False})["aud"])


def saying(body: bytes, status: bytes = b"200 OK", *fields: bytes) -> Handler:
    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        head = b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields])
        writer.write(head + b"\r\n\r\n" + body)

    return answer


async def reset(request: Received, writer: asyncio.StreamWriter) -> None:
    cut(writer)


async def hang(request: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(300)


async def break_off(request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    cut(writer)


async def stall(request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    await asyncio.sleep(300)


async def babble(request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok")


TROUBLE: dict[str, Handler | None] = {
    "refuses": None,
    "resets": reset,
    "502": saying(b"", b"502 Bad Gateway"),
    "503": saying(b"busy", b"503 Service Unavailable"),
    "504": saying(b"", b"504 Gateway Timeout"),
    "silent": hang,
    "stalls": stall,
    "breaks-off": break_off,
    "babbles": babble,
}
troubles = pytest.mark.parametrize("trouble", sorted(TROUBLE))


def troubled(names: tuple[str, ...], trouble: str, **others: Handler) -> dict[str, Any]:
    """Return what makes a front whose upstreams of these names are in trouble."""
    handler = TROUBLE[trouble]
    if handler is None:
        return {"urls": {name: f"http://127.0.0.1:{unused_port()}" for name in names}, "answers": others}
    return {"answers": {**others, **dict.fromkeys(names, handler)}}


def failures(upstream: str) -> float:
    """Return how many requests were counted against an upstream, by whatever went wrong."""
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        if metric.name == "techcommerce_upstream_failures"
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["upstream"] == upstream
    )


def sampled(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


# A side in trouble.


@troubles
def test_a_read_is_answered_by_the_other_side(trouble):
    before = sampled("techcommerce_fallbacks_total", capability="orders", upstream="orders")

    async def scenario():
        fronted = troubled(("orders",), trouble, legacy=saying(b"legacy"))
        async with front(table=MOVED, patience=0.3, read=0.3, **fronted) as shop:
            heard = await shop.ask("GET", b"/orders?page=%31", [TOKEN, (b"accept", b"a/b")])
            assert (heard.status, heard.body) == (200, b"legacy")
            (received,) = shop.recorders["legacy"].requests
            assert received.line == b"GET /orders?page=%31 HTTP/1.1"
            assert received.values(b"accept") == [b"a/b"]
            # With a token that is good there, and for nobody else.
            assert audience(received.headers) == "legacy"

    run(scenario)
    assert sampled("techcommerce_fallbacks_total", capability="orders", upstream="orders") == before + 1


@troubles
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_write_goes_to_the_owner_or_nowhere(trouble, method):
    async def scenario():
        fronted = troubled(("orders",), trouble, legacy=saying(b"legacy"))
        async with front(table=MOVED, patience=0.3, read=0.3, **fronted) as shop:
            heard = await shop.ask(method, b"/orders/A", [TOKEN, (b"content-length", b"2")], body=[b"{}"])
            assert heard.status in {502, 503, 504}
            assert shop.recorders["legacy"].requests == []
            assert len(shop.recorders["orders"].requests) <= 1

    run(scenario)


@troubles
def test_without_fallback_a_read_fails_with_its_side(trouble):
    async def scenario():
        async with front(table=FIXED, read=0.3, **troubled(("products",), trouble, legacy=say_ok)) as shop:
            heard = await shop.ask("GET", b"/products")
            assert heard.status == {"silent": 504, "stalls": 504, "503": 503, "504": 504}.get(trouble, 502)
            assert shop.recorders["legacy"].requests == []

    run(scenario)


@troubles
def test_with_both_sides_in_trouble_there_is_an_answer_all_the_same(trouble):
    async def scenario():
        fronted = troubled(("products", "legacy"), trouble)
        async with front(table=MOVED, patience=0.3, read=0.3, **fronted) as shop:
            heard = await shop.ask("GET", b"/products")
            assert heard.status in {502, 503, 504}
            assert heard.whole

    run(scenario)


@troubles
def test_a_tester_gets_the_side_that_was_asked_for_or_its_failure(trouble):
    async def scenario():
        sides: dict[str, Side] = {"products": "service"}
        token = override.mint(key=KEYS["gateway"], by="t", sides=sides, lifetime=600, now=time.time())  # type: ignore[arg-type]
        table = RoutingTable(revision=1, routes={"products": MONOLITH, "orders": MONOLITH})
        fronted = troubled(("products",), trouble, legacy=saying(b"legacy"))
        async with front(table=table, patience=0.3, read=0.3, **fronted) as shop:
            heard = await shop.ask("GET", b"/products", [(b"route-override", token.encode())])
            assert heard.status in {502, 503, 504}
            assert shop.recorders["legacy"].requests == []
            assert (await shop.ask("GET", b"/products")).body == b"legacy"

    run(scenario)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500, 501])
def test_an_answer_that_is_not_to_ones_liking_is_still_an_answer(status):
    async def scenario():
        answers = {"products": saying(b"so it is", b"%d So" % status), "legacy": say_ok}
        async with front(table=MOVED, answers=answers) as shop:
            for _ in range(30):
                heard = await shop.ask("GET", b"/products")
                assert (heard.status, heard.body) == (status, b"so it is")
            assert shop.recorders["legacy"].requests == []

    run(scenario)


# An owner that moves.


def misdirecting(epoch: int) -> Handler:
    return saying(b"not mine", b"421 Misdirected Request", b"Techcommerce-Epoch: %d" % epoch)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_owner_that_has_moved_is_followed_with_the_same_bytes(method):
    body = b'{"a": "\xff\x00 \\u00e9"}' if method == "POST" else b""
    before = sampled("techcommerce_misdirected_total", capability="orders")

    async def scenario():
        answers = {"orders": misdirecting(7), "legacy": saying(b"mine", b"201 Created", b"Techcommerce-Epoch: 7")}
        async with front(table=MOVED, answers=answers) as shop:
            headers = [TOKEN, (b"idempotency-key", b"k"), (b"content-length", b"%d" % len(body))]
            heard = await shop.ask(method, b"/orders?%61", headers, body=[body[:3], body[3:]])
            assert (heard.status, heard.body) == (201, b"mine")
            # Epochs are between components.
            assert heard.values(b"techcommerce-epoch") == []
            (first,), (second,) = (shop.recorders[name].requests for name in ("orders", "legacy"))
            assert first.body == second.body == body
            assert first.line == second.line == method.encode() + b" /orders?%61 HTTP/1.1"
            assert second.values(b"idempotency-key") == [b"k"]
            assert [audience(each.headers) for each in (first, second)] == ["orders", "legacy"]

    run(scenario)
    assert sampled("techcommerce_misdirected_total", capability="orders") == before + 1


def test_while_nobody_owns_a_row_the_write_waits_for_its_owner():
    async def scenario():
        owner, epoch = "", 1

        def side(name: str) -> Handler:
            async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
                assert request.body == b'{"n": 1}'
                handler = saying(name.encode(), b"201 Created") if owner == name else misdirecting(epoch)
                await handler(request, writer)

            return answer

        async def move(to: str) -> None:
            nonlocal owner, epoch
            owner, epoch = "", epoch + 1
            await asyncio.sleep(0.1)
            owner, epoch = to, epoch + 1

        async with front(table=MOVED, answers={"orders": side("orders"), "legacy": side("legacy")}) as shop:
            # There and back again, as when a move is undone at once.
            for to in ("legacy", "orders"):
                moving = asyncio.create_task(move(to))
                await asyncio.sleep(0)
                headers = [TOKEN, (b"content-length", b"8")]
                heard = await asyncio.gather(
                    *(shop.ask("POST", b"/orders", headers, body=[b'{"n": 1}']) for _ in range(10))
                )
                await moving
                assert [(each.status, each.body) for each in heard] == [(201, to.encode())] * 10

    run(scenario)


@pytest.mark.parametrize("rising", [False, True])
def test_an_owner_that_is_never_found_is_given_up_within_the_budget(rising, monkeypatch):
    monkeypatch.setattr(misdirected, "BUDGET_SECONDS", 0.3)
    asked = 0

    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await misdirecting(asked if rising else 5)(request, writer)

    async def scenario():
        async with front(answer, table=MOVED, deadline=60) as shop:
            heard = await shop.ask("POST", b"/orders", [TOKEN, (b"content-length", b"2")], body=[b"{}"])
            assert (heard.status, slug(heard), heard.values(b"retry-after")) == (503, "unavailable", [b"1"])

    run(scenario)
    assert 2 <= asked < 200


def test_a_read_is_never_shown_a_421_either(monkeypatch):
    monkeypatch.setattr(misdirected, "BUDGET_SECONDS", 0.1)

    async def scenario():
        async with front(saying(b"", b"421 Misdirected Request"), table=MOVED) as shop:
            for headers in ([], [TOKEN]):
                assert (await shop.ask("GET", b"/products", headers)).status == 503

    run(scenario)


def test_the_deadline_bounds_the_search_for_an_owner():
    async def scenario():
        async with front(misdirecting(1), table=MOVED, deadline=0.2) as shop:
            heard = await shop.ask("POST", b"/orders", [TOKEN, (b"content-length", b"2")], body=[b"{}"])
            assert heard.status in {503, 504}

    run(scenario)


def test_whoever_lets_the_deadline_pass_is_blamed_for_it_and_not_who_was_asked_first():
    before = failures("orders"), failures("legacy")

    async def scenario():
        async with front(table=MOVED, answers={"orders": misdirecting(7), "legacy": hang}, deadline=0.3) as shop:
            assert (await shop.ask("POST", b"/orders", [TOKEN])).status == 504

    run(scenario)
    assert (failures("orders"), failures("legacy")) == (before[0], before[1] + 1)


def test_a_body_too_large_to_keep_is_not_sent_twice():
    piece = b"x" * 500_000

    async def scenario():
        answers = {"orders": misdirecting(7), "legacy": saying(b"mine")}
        async with front(table=MOVED, answers=answers, body_max=10_000_000) as shop:
            headers = [TOKEN, (b"content-length", b"3000000")]
            heard = await shop.ask("POST", b"/orders", headers, body=[piece] * 6)
            assert (heard.status, slug(heard), heard.values(b"retry-after")) == (503, "unavailable", [b"1"])
            assert shop.recorders["legacy"].requests == []

    run(scenario)


# Too much at once.


def test_more_than_may_be_under_way_is_refused_at_once_and_harms_nobody():
    async def scenario():
        release = asyncio.Event()

        async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
            await release.wait()
            await say_ok(request, writer)

        answers = {"products": answer, "orders": say_ok, "legacy": say_ok}
        async with front(table=FIXED, answers=answers, concurrency=3, read=60, deadline=60) as shop:
            under_way = [asyncio.create_task(shop.ask("GET", b"/products")) for _ in range(3)]
            while len(shop.recorders["products"].requests) < 3:
                await asyncio.sleep(0.01)
            # Nothing is released before these have been answered: they wait for nobody.
            for _ in range(50):
                heard = await shop.ask("GET", b"/products")
                assert (heard.status, slug(heard), heard.values(b"retry-after")) == (503, "unavailable", [b"1"])
            assert (await shop.ask("GET", b"/orders", [TOKEN])).status == 200
            release.set()
            assert [heard.status for heard in await asyncio.gather(*under_way)] == [200] * 3
            # That there was too much to do says nothing about its health.
            assert (await shop.ask("GET", b"/products")).status == 200
            assert len(shop.recorders["products"].requests) == 4

    run(scenario)


def test_what_is_too_much_for_one_side_may_be_read_from_the_other():
    async def scenario():
        answers = {"products": hang, "legacy": saying(b"legacy")}
        async with front(table=MOVED, answers=answers, concurrency=1, patience=60, read=60, deadline=60) as shop:
            gone = asyncio.Event()
            first = asyncio.create_task(shop.ask("GET", b"/products", gone=gone))
            while not shop.recorders["products"].requests:
                await asyncio.sleep(0.01)
            assert (await shop.ask("GET", b"/products")).body == b"legacy"
            gone.set()
            await first

    run(scenario)


# The breaker.


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Switch:
    """An upstream that can be broken and mended."""

    works: bool = False

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        await (say_ok if self.works else reset)(request, writer)


async def fail(shop: Front, path: bytes = b"/products", *, times: int = 20) -> None:
    for _ in range(times):
        assert (await shop.ask("GET", path)).status == 502


def test_after_many_failures_nobody_asks_until_a_probe_finds_it_mended():
    async def scenario():
        clock, products = Clock(), Switch()
        async with front(table=FIXED, answers={"products": products}, clock=clock) as shop:
            recorder = shop.recorders["products"]
            await fail(shop)
            connections = recorder.connections
            for _ in range(30):
                heard = await shop.ask("GET", b"/products")
                assert (heard.status, slug(heard), heard.values(b"retry-after")) == (503, "unavailable", [b"1"])
            assert recorder.connections == connections
            # One finds out that it is still broken.
            clock.now += 1.0
            assert sorted([(await shop.ask("GET", b"/products")).status for _ in range(5)]) == [502, 503, 503, 503, 503]
            assert recorder.connections == connections + 1
            products.works = True
            clock.now += 1.0
            assert (await shop.ask("GET", b"/products")).values(b"retry-after") == [b"1"]
            clock.now += 1.0
            heard_all = await asyncio.gather(*(shop.ask("GET", b"/products") for _ in range(5)))
            assert sorted(heard.status for heard in heard_all) == [200, 503, 503, 503, 503]
            assert [(await shop.ask("GET", b"/products")).status for _ in range(30)] == [200] * 30

    run(scenario)


def test_reads_of_a_side_that_rests_go_to_the_other_and_writes_fail_at_once():
    async def scenario():
        products = Switch()
        answers: dict[str, Handler] = {"products": products, "legacy": saying(b"legacy")}
        async with front(table=MOVED, answers=answers, clock=Clock()) as shop:
            for _ in range(40):
                assert (await shop.ask("GET", b"/products")).body == b"legacy"
            assert shop.recorders["products"].connections == 20
            heard = await shop.ask("POST", b"/products", [TOKEN])
            assert (heard.status, heard.values(b"retry-after")) == (503, [b"1"])
            assert shop.recorders["products"].connections == 20

    run(scenario)


def test_saying_that_it_cannot_serve_opens_the_breaker_too():
    async def scenario():
        answers = {"products": saying(b"", b"503 Service Unavailable"), "legacy": saying(b"legacy")}
        async with front(table=MOVED, answers=answers, clock=Clock()) as shop:
            for _ in range(40):
                assert (await shop.ask("GET", b"/products")).body == b"legacy"
            assert len(shop.recorders["products"].requests) == 20

    run(scenario)


def test_a_write_that_cannot_be_served_for_want_of_another_component_keeps_no_read_away():
    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        reads = request.line.startswith(b"GET")
        await (say_ok if reads else saying(b"", b"503 Service Unavailable"))(request, writer)

    async def scenario():
        async with front(table=FIXED, answers={"orders": answer}, clock=Clock()) as shop:
            for _ in range(40):
                assert (await shop.ask("POST", b"/orders", [TOKEN])).status == 503
                assert (await shop.ask("GET", b"/orders", [TOKEN])).status == 200
            assert len(shop.recorders["orders"].requests) == 80
            assert shop.upstreams["orders"].breaker.state == "closed"

    run(scenario)


def test_one_sides_failures_are_not_the_others():
    async def scenario():
        async with front(table=FIXED, answers={"products": reset, "orders": say_ok}, clock=Clock()) as shop:
            await fail(shop)
            assert (await shop.ask("GET", b"/products")).status == 503
            assert (await shop.ask("GET", b"/orders", [TOKEN])).status == 200

    run(scenario)


# What is the client's own doing.


def unharmed(shop: Front) -> bool:
    """Tell whether the products' breaker is still closed."""
    return shop.upstreams["products"].breaker.state == "closed"


@pytest.mark.parametrize("seconds", [0, 0.001, 0.02])
def test_clients_who_leave_are_not_counted_against_the_upstream(seconds):
    before = failures("products")

    async def scenario():
        async with front(table=FIXED, answers={"products": hang}) as shop:

            async def leave() -> None:
                gone = asyncio.Event()
                asyncio.get_running_loop().call_later(seconds, gone.set)
                assert (await shop.ask("GET", b"/products", gone=gone)).status == 0

            await asyncio.gather(*(leave() for _ in range(60)))
            assert unharmed(shop)

    run(scenario)
    assert failures("products") == before


def test_clients_who_leave_amid_the_answer_are_not_counted_either():
    before = failures("products")

    async def drip(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x" * 10)
            await writer.drain()
            await asyncio.sleep(0.01)

    async def scenario():
        async with front(table=FIXED, answers={"products": drip}) as shop:

            async def leave() -> None:
                gone, heard = asyncio.Event(), Heard()
                asking = asyncio.create_task(shop.ask("GET", b"/products", gone=gone, heard=heard))
                while not heard.chunks:
                    await asyncio.sleep(0.01)
                gone.set()
                await asking
                assert not heard.whole

            await asyncio.gather(*(leave() for _ in range(40)))
            assert unharmed(shop)

    run(scenario)
    assert failures("products") == before


def test_a_probe_whose_client_leaves_makes_room_for_another():
    async def scenario():
        clock, products = Clock(), Switch()

        # A probe that takes its time, and others.
        async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
            await (hang if request.line.startswith(b"GET /products/SLOW") else products)(request, writer)

        async with front(table=FIXED, answers={"products": answer}, clock=clock) as shop:
            await fail(shop)
            clock.now += 1.0
            products.works = True
            asked, gone = len(shop.recorders["products"].requests), asyncio.Event()
            probe = asyncio.create_task(shop.ask("GET", b"/products/SLOW", gone=gone))
            while len(shop.recorders["products"].requests) == asked:
                await asyncio.sleep(0.01)
            assert (await shop.ask("GET", b"/products")).status == 503
            gone.set()
            await probe
            assert (await shop.ask("GET", b"/products")).status == 200
            assert unharmed(shop)

    run(scenario)


def test_clients_in_a_hurry_are_not_counted_against_the_upstream():
    before = failures("products")

    async def scenario():
        async with front(table=FIXED, answers={"products": hang}, read=60, deadline=60) as shop:
            hurry = [(b"x-request-timeout-ms", b"1")]
            heard = await asyncio.gather(*(shop.ask("GET", b"/products", hurry) for _ in range(60)))
            assert {each.status for each in heard} == {504}
            # Else anyone could switch a component off for everyone.
            assert unharmed(shop)

    run(scenario)
    assert failures("products") == before


def test_clients_who_read_slowly_are_not_counted_against_the_upstream():
    before = failures("products")

    async def scenario():
        answer = saying(b"x" * 600_000)
        async with front(table=FIXED, answers={"products": answer}, deadline=1.0) as shop:
            never = asyncio.Event()
            heard = await asyncio.gather(*(shop.ask("GET", b"/products", reading=never) for _ in range(40)))
            assert {each.status for each in heard} == {200}
            assert unharmed(shop)

    run(scenario)
    assert failures("products") == before


def test_running_into_the_shops_own_deadline_is_counted():
    before = failures("products")

    async def scenario():
        async with front(table=FIXED, answers={"products": hang}, read=60, deadline=0.2) as shop:
            heard = await asyncio.gather(*(shop.ask("GET", b"/products") for _ in range(20)))
            assert {each.status for each in heard} == {504}
            assert not unharmed(shop)

    run(scenario)
    assert failures("products") == before + 20


def test_reading_is_asked_again_on_stale_connections_only_within_the_budget():
    async def scenario():
        ends, served = 0, set()
        gate = asyncio.Event()

        async def once(request: Received, writer: asyncio.StreamWriter) -> None:
            nonlocal ends
            if id(writer) in served:
                ends += 1
                cut(writer)
                return
            served.add(id(writer))
            kept.append(writer)
            await gate.wait()
            await say_ok(request, writer)

        kept: list[asyncio.StreamWriter] = []
        async with front(table=FIXED, answers={"products": once}, read=60, deadline=60) as shop:
            recorder = shop.recorders["products"]
            first = [asyncio.create_task(shop.ask("GET", b"/products")) for _ in range(60)]
            while len(recorder.requests) < 60:
                await asyncio.sleep(0.01)
            gate.set()
            assert {heard.status for heard in await asyncio.gather(*first)} == {200}
            again = await asyncio.gather(*(shop.ask("GET", b"/products") for _ in range(60)))
            statuses = [heard.status for heard in again]
            # Ten in reserve, and one for five requests.
            assert 1 <= len(recorder.requests) - 120 <= 10 + 0.2 * 120
            assert statuses.count(200) >= 1
            assert set(statuses) <= {200, 502, 503} and statuses.count(200) < 60

    run(scenario)


# Mirrors, visitors, deadlines, and what is answered here.


@dataclass
class Offers:
    """A shadow that notes what it is offered, and whether the shopper had the answer by then."""

    heard: Heard
    offered: list[Mirrored] = field(default_factory=list)
    after: list[bool] = field(default_factory=list)
    full: bool = False
    dropped: list[tuple[str, str, str]] = field(default_factory=list)

    def offer(self, mirrored: Mirrored) -> None:
        self.offered.append(mirrored)
        self.after.append(self.heard.whole)

    def drop(self, capability: str, method: str, route: str) -> None:
        self.dropped.append((capability, method, route))


def mirroring(side: Side) -> RoutingTable:
    route = replace(Route.to(side), shadow=1024)
    return RoutingTable(revision=1, routes={"products": route, "orders": route})


@pytest.mark.parametrize(
    ("side", "primary", "candidate"), [("monolith", "legacy", "orders"), ("service", "orders", "legacy")]
)
def test_a_mirrored_read_is_offered_once_the_shopper_has_the_answer(side, primary, candidate):
    async def scenario():
        offers = Offers(Heard())
        async with front(saying(b'{"n": 1}', b"200 OK", b"X-A: b"), table=mirroring(side), shadow=offers) as shop:
            await shop.ask("GET", b"/orders/N-1?a=%20", [TOKEN, (b"accept", b"a/b")], heard=offers.heard)
            (mirrored,) = offers.offered
            assert offers.after == [True]
            assert (mirrored.capability, mirrored.route, mirrored.method) == ("orders", "/orders/{number}", "GET")
            assert (mirrored.target, mirrored.status, mirrored.body) == (b"/orders/N-1?a=%20", 200, b'{"n": 1}')
            assert (b"x-a", b"b") in mirrored.headers
            for asked, name in ((mirrored.primary, primary), (mirrored.candidate, candidate)):
                assert asked.upstream == name
                assert audience(asked.headers) == name
                assert (b"accept", b"a/b") in asked.headers
                assert (b"host", shop.upstreams[name].host) in asked.headers
            assert len(shop.recorder.requests) == 1

    run(scenario)


def test_of_a_large_answer_only_its_status_is_offered():
    async def scenario():
        offers = Offers(Heard())
        async with front(saying(b"x" * 600_000), table=mirroring("monolith"), shadow=offers) as shop:
            await shop.ask("GET", b"/products", heard=offers.heard)
            assert len(offers.heard.body) == 600_000
            assert [(each.status, each.body) for each in offers.offered] == [(200, None)]
            assert offers.after == [True]

    run(scenario)


def test_where_there_is_no_room_the_mirror_is_told_and_nobody_waits():
    async def scenario():
        offers = Offers(Heard(), full=True)
        async with front(table=mirroring("monolith"), shadow=offers) as shop:
            await shop.ask("GET", b"/products/A", heard=offers.heard)
            assert (offers.heard.status, offers.offered) == (200, [])
            assert offers.dropped == [("products", "GET", "/products/{sku}")]

    run(scenario)


@pytest.mark.parametrize("case", ["write", "fallback", "failure", "no sample"])
def test_what_has_not_been_read_from_its_own_side_is_not_mirrored(case):
    async def scenario():
        offers = Offers(Heard())
        answers = {"legacy": reset if case in {"fallback", "failure"} else say_ok, "products": say_ok}
        table = mirroring("monolith")
        if case == "failure":
            answers["products"] = reset
        if case == "no sample":
            table = RoutingTable(revision=1, routes={"products": MONOLITH, "orders": MONOLITH})
        async with front(table=table, answers=answers, shadow=offers) as shop:
            method = "POST" if case == "write" else "GET"
            await shop.ask(method, b"/products", [TOKEN], heard=offers.heard)
            assert offers.heard.status
            assert offers.offered == []

    run(scenario)


def sharing(reads: int) -> RoutingTable:
    route = Route(reads=reads, writes=0, salt="s")
    return RoutingTable(revision=1, routes={"products": route, "orders": route})


def set_cookies(heard: Heard) -> list[bytes]:
    return [value for value in heard.values(b"set-cookie") if value.startswith(b"tc_visitor=")]


def test_a_newcomer_is_given_the_cookie_that_keeps_them_on_their_side():
    async def scenario():
        answers = {"products": saying(b"service"), "legacy": saying(b"monolith")}
        async with front(table=sharing(512), answers=answers) as shop:
            sides = set()
            for _ in range(60):
                heard = await shop.ask("GET", b"/products")
                (line,) = set_cookies(heard)
                value = line.split(b";")[0].removeprefix(b"tc_visitor=")
                assert VISITORS.read(value.decode()) is not None
                sides.add(heard.body)
                again = await shop.ask("GET", b"/products", [(b"cookie", b"a=1; tc_visitor=" + value)])
                assert again.body == heard.body
                assert set_cookies(again) == []
            # Sixty visitors on one and the same side would be one in 2**59.
            assert sides == {b"service", b"monolith"}

    run(scenario)


@pytest.mark.parametrize(
    ("table", "method", "path", "headers"),
    [
        (sharing(0), "GET", b"/products", []),
        (sharing(1024), "GET", b"/products", []),
        (sharing(512), "GET", b"/orders", [TOKEN]),
        (sharing(512), "POST", b"/products", [TOKEN]),
    ],
    ids=["none moved", "all moved", "a customer's orders", "a write"],
)
def test_nobody_is_given_a_cookie_that_decided_nothing(table, method, path, headers):
    async def scenario():
        async with front(table=table) as shop:
            heard = await shop.ask(method, path, headers)
            assert heard.status == 200
            assert set_cookies(heard) == []

    run(scenario)


@pytest.mark.parametrize(
    ("said", "most"), [(b"800", 800), (b"999999", 5000), (None, 5000), (b"soon", 5000), (b"-1", 5000), (b"1.5", 5000)]
)
def test_the_time_that_is_left_is_handed_on(said, most):
    async def scenario():
        async with front() as shop:
            heard = await shop.ask("GET", b"/products", [(b"x-request-timeout-ms", said)] if said else [])
            assert heard.status in {200, 504}
            for received in shop.recorder.requests:
                (left,) = received.values(b"x-request-timeout-ms")
                assert 0 <= int(left) <= most

    run(scenario)


def test_what_a_client_would_not_wait_for_is_not_waited_for():
    async def scenario():
        async with front(hang, read=300, deadline=300) as shop:
            heard = await shop.ask("GET", b"/products", [(b"x-request-timeout-ms", b"100")])
            assert (heard.status, slug(heard)) == (504, "upstream-timeout")
            await asyncio.wait_for(shop.recorder.hung_up.wait(), 30)

    run(scenario)


def test_the_time_that_is_left_is_less_after_a_side_has_been_waited_for():
    async def scenario():
        answers = {"products": hang, "legacy": say_ok}
        async with front(table=MOVED, answers=answers, patience=0.3) as shop:
            assert (await shop.ask("GET", b"/products")).status == 200
            first, second = (
                int(shop.recorders[name].requests[0].values(b"x-request-timeout-ms")[0])
                for name in ("products", "legacy")
            )
            assert second <= first - 250

    run(scenario)


@pytest.mark.parametrize(
    ("method", "headers", "status", "allow"),
    [
        ("GET", [(b"connection", b"Upgrade"), (b"upgrade", b"WebSocket")], 501, False),
        ("TRACE", [], 405, True),
        ("TRACE", [(b"max-forwards", b"5")], 405, True),
        ("OPTIONS", [(b"max-forwards", b"0")], 204, True),
    ],
)
def test_what_is_the_gateways_own_to_answer_reaches_no_component(method, headers, status, allow):
    async def scenario():
        async with front() as shop:
            heard = await shop.ask(method, b"/products", headers)
            assert heard.status == status
            assert heard.values(b"allow") == ([b"GET, HEAD, OPTIONS, POST, PATCH, DELETE"] if allow else [])
            assert shop.recorder.connections == 0

    run(scenario)


def test_options_with_hops_left_is_passed_on_with_one_less():
    async def scenario():
        async with front() as shop:
            assert (await shop.ask("OPTIONS", b"/products", [(b"max-forwards", b"3")])).status == 200
            assert shop.recorder.requests[0].values(b"max-forwards") == [b"2"]

    run(scenario)


def test_another_upgrade_is_passed_over_and_not_passed_on():
    async def scenario():
        async with front() as shop:
            heard = await shop.ask("GET", b"/products", [(b"connection", b"upgrade"), (b"upgrade", b"h2c")])
            assert heard.status == 200
            assert shop.recorder.requests[0].values(b"upgrade") == []

    run(scenario)
