"""A shopper reads what they have written, whichever side is behind: through the data plane, over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import TypeVar

import pytest
from prometheus_client import REGISTRY

from gateway import override
from gateway.position import COOKIE, read
from gateway.proxy import misdirected
from gateway.routing.table import Route, RoutingTable
from services.chassis.identity import Principal
from tests.unit.gateway.proxy.support import (
    KEYS,
    POSITIONS,
    Handler,
    Heard,
    Received,
    access_token,
    cut,
    front,
    minter,
    unused_port,
)

Result = TypeVar("Result")

FIELD = b"techcommerce-position"
SERVICE = RoutingTable(revision=1, routes={"products": Route.to("service"), "orders": Route.to("service")})
TOKEN = (b"authorization", b"Bearer " + access_token(lifetime=3600).encode())
REACHED = b"orders=monolith.3.12345"


def run(scenario: Callable[[], Awaitable[Result]]) -> Result:
    async def bounded() -> Result:
        async with asyncio.timeout(60):
            return await scenario()

    return asyncio.run(bounded())


def kept(text: bytes) -> tuple[bytes, bytes]:
    """Return the Cookie field of a shopper whose writes have reached that."""
    return b"cookie", b"a=1; tc_position=" + POSITIONS.issue(read([text])).encode()


def given(heard: Heard) -> bytes | None:
    """Return what the cookie says that an answer gives."""
    for line in heard.values(b"set-cookie"):
        cookie = SimpleCookie(line.decode())
        if COOKIE in cookie:
            assert line == POSITIONS.set_cookie_header(cookie[COOKIE].value, secure=False)
            positions = POSITIONS.read(cookie[COOKIE].value)
            assert positions
            return b", ".join(b"%b=%b.%d.%d" % (n.encode(), p[0].encode(), *p[1:]) for n, p in positions.items())
    return None


def saying(body: bytes, status: bytes = b"200 OK", *fields: bytes) -> Handler:
    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        head = b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields])
        writer.write(head + b"\r\n\r\n" + body)

    return answer


def misdirecting(epoch: int) -> Handler:
    return saying(b"not mine", b"421 Misdirected Request", b"Techcommerce-Epoch: %d" % epoch)


def behind(epoch: int, body: bytes = b"old") -> Handler:
    """Answer what comes without a position only."""

    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        await (misdirecting(epoch) if request.values(FIELD) else saying(body))(request, writer)

    return answer


async def reset(request: Received, writer: asyncio.StreamWriter) -> None:
    cut(writer)


async def hang(request: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(300)


def sampled(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


# Written.


def write(
    said: list[bytes], *headers: tuple[bytes, bytes], method: str = "POST", token=TOKEN
) -> tuple[Heard, Received]:
    async def scenario() -> tuple[Heard, Received]:
        answer = saying(b"done", b"201 Created", *(b"TechCommerce-Position: " + each for each in said))
        async with front(answer, table=SERVICE) as shop:
            heard = await shop.ask(method, b"/orders", [token, *headers])
            assert heard.body == b"done"
            return heard, shop.recorder.requests[0]

    return run(scenario)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_what_a_write_has_reached_is_kept_with_the_shopper(method):
    heard, _ = write([REACHED], method=method)
    assert heard.values(FIELD) == [REACHED]
    assert given(heard) == REACHED


def test_what_writes_have_reached_before_stays_known():
    heard, received = write([b"orders=service.4.1"], kept(b"products=service.2.77, orders=monolith.3.12345"))
    # An API client is told of its own write.
    assert heard.values(FIELD) == [b"orders=service.4.1"]
    assert given(heard) == b"products=service.2.77, orders=service.4.1"
    # A write is let in by whoever owns it, who is behind nobody.
    assert received.values(FIELD) == []
    assert received.values(b"cookie") == [b"a=1"]


def test_a_write_that_overtook_another_is_not_forgotten():
    assert given(write([b"orders=monolith.3.9"], kept(REACHED))[0]) == REACHED


def test_a_clients_own_position_is_not_signed_for_it():
    heard, received = write([REACHED], (FIELD, b"products=service.9.9"))
    assert given(heard) == REACHED
    assert received.values(FIELD) == []


@pytest.mark.parametrize(
    "junk",
    [[b""], [b"orders=monolith"], [b"x" * 300], [b"orders=monolith.3.1; secure"], [b"\xff"], [b"carts=service.1.1"]],
)
def test_junk_from_a_component_is_dropped(junk):
    heard, _ = write(junk)
    assert heard.values(FIELD) == []
    assert given(heard) is None


def test_what_can_be_read_among_junk_is_kept():
    heard, _ = write([b"nonsense, orders=monolith.3.12345", b"products=service.2.7"])
    assert heard.values(FIELD) == [b"products=service.2.7, orders=monolith.3.12345"]


def test_a_component_is_told_and_given_no_cookie():
    token = minter("orders").mint(Principal(subject="x", kind="service"), audience="gateway")
    heard, _ = write([REACHED], token=(b"authorization", b"Bearer " + token.encode()))
    assert heard.values(FIELD) == [REACHED]
    assert given(heard) is None


def test_a_write_that_says_nothing_changes_nothing():
    heard, _ = write([], kept(REACHED))
    assert heard.values(FIELD) == []
    assert given(heard) is None


# Read.


def asked(*headers: tuple[bytes, bytes], method: str = "GET", path: bytes = b"/orders") -> list[bytes]:
    """Return the position that the upstream was given."""

    async def scenario() -> list[bytes]:
        async with front(saying(b"", b"200 OK", b"TechCommerce-Position: " + REACHED), table=SERVICE) as shop:
            heard = await shop.ask(method, path, [TOKEN, *headers])
            # Nothing is reached by reading.
            assert heard.status == 200 and heard.values(FIELD) == [] and given(heard) is None
            (received,) = shop.recorder.requests
            assert not any(b"tc_position" in value for value in received.values(b"cookie"))
            return received.values(FIELD)

    return run(scenario)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_says_how_far_whoever_answers_must_have_come(method):
    both = b"products=service.2.77, orders=monolith.3.12345"
    assert asked(kept(both), method=method) == [REACHED]
    assert asked(kept(both), method=method, path=b"/products") == [b"products=service.2.77"]
    assert asked((FIELD, both), method=method) == [REACHED]
    assert asked(kept(both), (FIELD, b"orders=service.4.1"), method=method) == [b"orders=service.4.1"]
    assert asked(kept(b"products=service.2.77"), method=method) == []
    assert asked(method=method) == []


def test_only_reads_say_so():
    assert asked(kept(REACHED), (FIELD, REACHED), method="OPTIONS") == []


@pytest.mark.parametrize(
    "said", [b"", b"x", b"orders=monolith.3.1" + b" " * 200, b"orders=monolith.3.1\x00", b"\xff=\xff"]
)
def test_what_a_client_says_is_checked(said):
    assert asked((FIELD, said)) == []
    assert asked((FIELD, said), kept(REACHED)) == [REACHED]


@pytest.mark.parametrize("value", [b"", b"x", b"orders.monolith.3.12345." + b"A" * 22, b"orders.monolith.3.12345"])
def test_a_forged_cookie_counts_as_none(value):
    assert asked((b"cookie", b"tc_position=" + value)) == []


@pytest.mark.parametrize(
    "name", [b"techcommerce-asked", b"techcommerce-epoch", b"techcommerce-side", b"x-techcommerce-x"]
)
def test_what_only_components_say_is_not_heard_from_clients(name):
    async def scenario():
        async with front() as shop:
            await shop.ask("GET", b"/products", [(name, b"1")])
            assert shop.recorder.requests[0].values(name) == []

    run(scenario)


def reading(orders: Handler | None, legacy: Handler | None, *, fallback: bool = True):
    """Read orders of the service, with a position, and return what was heard and what each side was asked."""
    answers = {name: each for name, each in (("orders", orders), ("legacy", legacy)) if each is not None}
    urls = {name: f"http://127.0.0.1:{unused_port()}" for name in ("orders", "legacy") if name not in answers}
    route = replace(Route.to("service"), fallback=fallback)
    table = RoutingTable(revision=1, routes={"products": route, "orders": route})

    async def scenario():
        async with front(table=table, answers=answers, urls=urls, patience=0.3) as shop:
            heard = await shop.ask("GET", b"/orders", [TOKEN, kept(REACHED)])
            positions = {
                name: [each.values(FIELD) for each in shop.recorders[name].requests] for name in ("orders", "legacy")
            }
            breakers = {shop.upstreams[name].breaker.state for name in answers}
            return heard, positions, breakers

    return run(scenario)


def test_a_side_that_is_behind_sends_the_reader_on_to_the_owner():
    heard, asked, breakers = reading(behind(3), saying(b"new"))
    assert (heard.status, heard.body) == (200, b"new")
    assert asked == {"orders": [[REACHED]], "legacy": [[REACHED]]}
    assert heard.values(b"techcommerce-epoch") == []
    assert breakers == {"closed"}


@pytest.mark.parametrize("fallback", [True, False])
@pytest.mark.parametrize("trouble", [None, reset, hang, saying(b"", b"503 Service Unavailable")])
def test_an_answer_that_may_be_old_is_better_than_none(trouble, fallback):
    heard, asked, _ = reading(behind(3), trouble, fallback=fallback)
    assert (heard.status, heard.body) == (200, b"old")
    assert asked["orders"] == [[REACHED], []]


@pytest.mark.parametrize("trouble", [None, reset, hang, saying(b"", b"503 Service Unavailable")])
def test_so_it_is_when_the_owner_was_asked_first(trouble):
    heard, asked, _ = reading(trouble, behind(3))
    assert (heard.status, heard.body) == (200, b"old")
    assert asked["legacy"] == [[REACHED], []]


def test_so_it_is_when_both_sides_are_behind(monkeypatch):
    monkeypatch.setattr(misdirected, "BUDGET_SECONDS", 0.1)
    heard, asked, _ = reading(behind(3), behind(3, b"other"))
    assert (heard.status, heard.body) == (200, b"old")
    assert asked["orders"][-1] == [] and [] not in asked["legacy"]


def test_sides_that_send_every_read_away_give_no_answer(monkeypatch):
    monkeypatch.setattr(misdirected, "BUDGET_SECONDS", 0.1)
    heard, _, breakers = reading(misdirecting(3), misdirecting(3))
    assert (heard.status, heard.values(b"retry-after")) == (503, [b"1"])
    assert json.loads(heard.body)["type"] == "/problems/unavailable"
    assert breakers == {"closed"}


def test_the_time_to_find_the_owner_is_measured():
    labels = {"capability": "orders"}
    before = sampled("techcommerce_owner_wait_seconds_count", **labels)
    reading(behind(3), saying(b"new"))
    assert sampled("techcommerce_owner_wait_seconds_count", **labels) == before + 1
    reading(saying(b"new"), None)
    assert sampled("techcommerce_owner_wait_seconds_count", **labels) == before + 1


# What one side has never heard of.


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_other_side_is_told_that_it_is_the_last_to_be_asked(method):
    async def scenario():
        answers = {"orders": misdirecting(0), "legacy": saying(b"no such", b"404 Not Found")}
        async with front(table=SERVICE, answers=answers) as shop:
            started = time.monotonic()
            heard = await shop.ask(method, b"/orders/TC-1/cancel", [TOKEN, (b"techcommerce-asked", b"1")])
            assert (heard.status, heard.body) == (404, b"no such")
            (first,), (second,) = (shop.recorders[name].requests for name in ("orders", "legacy"))
            assert first.values(b"techcommerce-asked") == []
            assert second.values(b"techcommerce-asked") == [b"1"]
            assert time.monotonic() - started < 5

    run(scenario)


def test_that_is_said_of_the_request_before_only():
    async def scenario():
        epochs = iter([7, 7])

        async def legacy(request: Received, writer: asyncio.StreamWriter) -> None:
            epoch = next(epochs, None)
            await (saying(b"mine") if epoch is None else misdirecting(epoch))(request, writer)

        async with front(table=SERVICE, answers={"orders": misdirecting(0), "legacy": legacy}) as shop:
            assert (await shop.ask("POST", b"/orders/TC-1/cancel", [TOKEN])).body == b"mine"
            for name, said in (("orders", []), ("legacy", [b"1"])):
                assert all(each.values(b"techcommerce-asked") == said for each in shop.recorders[name].requests)

    run(scenario)


def test_two_sides_that_both_know_nothing_are_given_up(monkeypatch):
    monkeypatch.setattr(misdirected, "BUDGET_SECONDS", 0.1)

    async def scenario():
        async with front(misdirecting(0), table=SERVICE) as shop:
            assert (await shop.ask("GET", b"/orders/TC-1", [TOKEN])).status == 503
            assert len(shop.recorder.requests) < 60

    run(scenario)


# Testers.


def test_a_tester_is_told_who_answered():
    async def scenario():
        token = override.mint(key=KEYS["gateway"], by="t", sides={"orders": "service"}, lifetime=600, now=time.time())
        monolith = RoutingTable(revision=1, routes={"products": Route.to("monolith"), "orders": Route.to("monolith")})
        headers = [TOKEN, (b"route-override", token.encode())]
        answers = {"orders": behind(3), "legacy": saying(b"new")}
        async with front(table=monolith, answers=answers) as shop:
            heard = await shop.ask("GET", b"/orders", headers)
            assert (heard.body, heard.values(b"techcommerce-side")) == (b"old", [b"service"])
            heard = await shop.ask("GET", b"/orders", [*headers, kept(REACHED)])
            assert (heard.body, heard.values(b"techcommerce-side")) == (b"new", [b"monolith"])

    run(scenario)


# The mirror.


def test_what_is_mirrored_says_nothing_of_positions():
    offered = []

    class Offered:
        full = False

        def offer(self, mirrored) -> None:
            offered.append(mirrored)

    async def scenario():
        route = replace(Route.to("service"), shadow=1024)
        table = RoutingTable(revision=1, routes={"products": route, "orders": route})
        async with front(table=table, shadow=Offered()) as shop:
            await shop.ask("GET", b"/orders", [TOKEN, kept(REACHED)])
            assert shop.recorder.requests[0].values(FIELD) == [REACHED]

    run(scenario)
    (mirrored,) = offered
    for asked in (mirrored.primary, mirrored.candidate):
        assert FIELD not in {name for name, _ in asked.headers}
