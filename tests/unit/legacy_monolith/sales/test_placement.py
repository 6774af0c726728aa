"""legacy_monolith.sales.placement: one order for one key, whatever runs beside it or dies on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from django.db import connection

from legacy_monolith.catalogue.models import Product, Reservation, ReservationState
from legacy_monolith.lines import Line
from legacy_monolith.sales import keys, lifecycle, placement
from legacy_monolith.sales.models import IdempotencyKey, Order
from legacy_monolith.sales.placement import Placed
from legacy_monolith.sales.requests import OrderRequest
from services.chassis import contract
from services.chassis.problems import Problem
from tests.unit.legacy_monolith.conftest import SHIP_TO, Api, Clock, gateway, never, nobody, stock_the_shop

Handler = Callable[[httpx.Request], httpx.Response]

LAMPS = OrderRequest(lines=[Line("LAMP", 2)], ship_to=SHIP_TO)
DESKS = OrderRequest(lines=[Line("DESK", 1)], ship_to=SHIP_TO)


def numbers() -> Iterator[str]:
    return (f"TC-{number}" for number in range(1, 1000))


def place(
    clock: Clock | Callable[[], datetime],
    *,
    key: str = "k",
    request: OrderRequest = LAMPS,
    handler: Handler | None = None,
    names: Iterator[str] | None = None,
) -> Placed:
    """Place ada's order: here, or with a handler at the other end of the gateway."""
    return placement.place(
        customer="ada",
        key=key,
        request=request,
        products_here=handler is None,
        peers=gateway(handler or never),
        clock=clock,
        new_number=contract.new_order_number if names is None else names.__next__,
    )


def refusal(clock: Clock, **how: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        place(clock, **how)
    return caught.value


def lamps() -> int:
    return Product.objects.get(code="LAMP").qty


class Owner:
    """The owner of products at the other end: reserves anything, remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.orders: list[str] = []
        self.confirms = httpx.Response(200, json={})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path != "/products/reservations":
            return self.confirms
        body = json.loads(request.content)
        self.orders.append(body["order"])
        price = {"amount": "19.99", "currency": "GBP"}
        return httpx.Response(
            201,
            json={
                "order": body["order"],
                "customer": body["customer"],
                "state": "held",
                "lines": [{**line, "name": "Lamp", "unit_price": price} for line in body["lines"]],
            },
        )


def answering(status: int, **members: Any) -> Handler:
    return lambda request: httpx.Response(status, json=members)


@pytest.mark.django_db
class TestHere:
    def test_an_order_is_placed_with_a_confirmed_reservation(self, shop: object, clock: Clock) -> None:
        placed = place(clock)
        shown = json.loads(placed.body)
        assert list(shown) == [
            "number", "status", "placed_at", "customer", "ship_to", "lines", "total", "history",
        ]  # fmt: skip
        assert shown["total"] == {"amount": "40.00", "currency": "GBP"}
        assert shown["history"] == [{"status": "placed", "at": "2026-11-23T10:00:00.000000Z"}]
        assert contract.ORDER_NUMBER.fullmatch(placed.order_no)
        reservation = Reservation.objects.get(order_no=placed.order_no)
        assert (reservation.state, reservation.cust_ref) == (ReservationState.CONFIRMED, "ada")
        assert lamps() == 8
        assert Order.objects.get().stock_settled

    def test_the_same_request_again_has_the_same_answer_byte_by_byte(self, shop: object, clock: Clock) -> None:
        first, again = place(clock), place(clock)
        assert again == Placed(first.order_no, first.body, replayed=True)
        assert lamps() == 8

    def test_the_answer_stays_as_it_was_given(self, shop: object, clock: Clock) -> None:
        first = place(clock)
        lifecycle.change_status(
            order_no=first.order_no, to="paid", customer=None, products_here=True, peers=gateway(never), now=clock()
        )
        assert place(clock).body == first.body

    def test_another_payload_under_the_key_is_refused(self, shop: object, clock: Clock) -> None:
        place(clock)
        assert refusal(clock, request=DESKS).kind.slug == "idempotency-key-reused"

    def test_the_order_of_the_lines_is_no_other_payload(self, shop: object, clock: Clock) -> None:
        lines = [Line("LAMP", 1), Line("DESK", 1)]
        first = place(clock, request=OrderRequest(lines=lines, ship_to=SHIP_TO))
        again = place(clock, request=OrderRequest(lines=lines[::-1], ship_to=SHIP_TO))
        assert (again.order_no, again.replayed) == (first.order_no, True)
        assert [line["sku"] for line in json.loads(first.body)["lines"]] == ["DESK", "LAMP"]

    def test_a_refused_request_leaves_nothing_and_its_key_free(self, shop: object, clock: Clock) -> None:
        many = OrderRequest(lines=[Line("LAMP", 11)], ship_to=SHIP_TO)
        unknown = OrderRequest(lines=[Line("LAMP", 1), Line("NOPE", 1)], ship_to=SHIP_TO)
        assert refusal(clock, request=many).members == {
            "shortfalls": [{"sku": "LAMP", "requested": 11, "available": 10}]
        }
        assert refusal(clock, request=unknown).members["errors"][0]["pointer"] == "/lines/1/sku"
        assert not IdempotencyKey.objects.exists() and not Reservation.objects.exists()
        assert not place(clock).replayed

    def test_a_run_that_died_is_taken_over_with_its_reservation(self, shop: object, clock: Clock) -> None:
        with pytest.raises(Problem, match="unavailable"):
            place(clock, handler=nobody, names=iter(["TC-OLD"]))
        reserved = Product.objects.get(code="LAMP")
        held = Reservation.objects.create(order_no="TC-OLD", cust_ref="ada", state="H", expires=clock())
        held.lines.create(product=reserved, title="Then lamp", qty=2, unit_cents=1500)
        placed = place(clock)
        assert placed.order_no == "TC-OLD"
        assert json.loads(placed.body)["total"]["amount"] == "30.00"
        assert lamps() == 10, "the stock had been taken before"
        assert Reservation.objects.get().state == ReservationState.CONFIRMED

    def test_a_number_whose_stock_went_back_is_not_used(self, shop: object, clock: Clock) -> None:
        with pytest.raises(Problem, match="unavailable"):
            place(clock, handler=nobody, names=iter(["TC-OLD"]))
        gone = Reservation.objects.create(order_no="TC-OLD", cust_ref="ada", state="R", expires=clock())
        gone.lines.create(product=Product.objects.get(code="LAMP"), title="Lamp", qty=2, unit_cents=2000)
        assert place(clock, names=iter(["TC-NEW"])).order_no == "TC-NEW"
        assert lamps() == 8
        assert IdempotencyKey.objects.get().order_no == "TC-NEW"


@pytest.mark.django_db
class TestThroughTheGateway:
    def test_stock_is_reserved_under_the_number_and_confirmed_after_the_order(self, shop: object, clock: Clock) -> None:
        owner = Owner()
        placed = place(clock, handler=owner, names=numbers())
        assert owner.asked == ["/products/reservations", "/products/reservations/TC-1/confirm"]
        assert json.loads(placed.body)["lines"][0]["unit_price"]["amount"] == "19.99"
        assert Order.objects.get().stock_settled
        assert lamps() == 10, "not our stock"

    @pytest.mark.parametrize("confirms", [httpx.Response(503), httpx.Response(404, json={})])
    def test_what_cannot_be_confirmed_is_remembered(self, shop: object, clock: Clock, confirms: httpx.Response) -> None:
        owner = Owner()
        owner.confirms = confirms
        assert not place(clock, handler=owner).replayed
        assert not Order.objects.get().stock_settled
        assert place(clock, handler=never).replayed

    def test_the_owners_refusal_is_the_clients_and_frees_the_key(self, shop: object, clock: Clock) -> None:
        short = [{"sku": "LAMP", "requested": 2, "available": 1}]
        problem = refusal(clock, handler=answering(409, type="/problems/insufficient-stock", shortfalls=short))
        assert (problem.kind.slug, problem.members) == ("insufficient-stock", {"shortfalls": short})
        errors = [{"pointer": "/lines/0/sku", "code": "unknown_product", "detail": "No such product."}]
        problem = refusal(clock, handler=answering(422, type="/problems/validation", errors=errors))
        assert (problem.status, problem.members) == (422, {"errors": errors})
        assert not IdempotencyKey.objects.exists()

    @pytest.mark.parametrize(
        "handler",
        [
            nobody,
            answering(500),
            answering(403, type="/problems/forbidden"),
            answering(201, lines=[]),
            answering(201, lines=[{"sku": "LAMP"}]),
            lambda request: httpx.Response(201, content=b"<html>"),
            lambda request: httpx.Response(201, json=[]),
        ],
    )
    def test_no_usable_answer_is_unavailable_and_a_retry_goes_on_under_the_same_number(
        self, shop: object, clock: Clock, handler: Handler
    ) -> None:
        names, owner = numbers(), Owner()
        problem = refusal(clock, handler=handler, names=names)
        assert (problem.kind.slug, problem.headers) == ("unavailable", {"Retry-After": "1"})
        assert not Order.objects.exists()
        assert place(clock, handler=owner, names=names).order_no == "TC-1"
        assert owner.orders == ["TC-1"]

    def test_after_a_failure_the_key_is_free_for_another_payload_under_another_number(
        self, shop: object, clock: Clock
    ) -> None:
        names = numbers()
        refusal(clock, handler=nobody, names=names)
        assert place(clock, request=DESKS, handler=Owner(), names=names).order_no == "TC-2"
        assert lifecycle.outcome(order_no="TC-1", customer="ada", now=clock()) == "release"

    def test_while_the_first_runs_the_key_is_in_flight(self, shop: object, clock: Clock) -> None:
        seen: list[str] = []
        owner = Owner()

        def slow(request: httpx.Request) -> httpx.Response:
            if not seen:
                seen.append(refusal(clock, handler=never).kind.slug)
                seen.append(refusal(clock).kind.slug)
                seen.append(refusal(clock, request=DESKS).kind.slug)
                seen.append(lifecycle.outcome(order_no="TC-1", customer="ada", now=clock()))
            return owner(request)

        place(clock, handler=slow, names=numbers())
        assert seen == ["idempotency-key-in-flight", "idempotency-key-in-flight", "idempotency-key-reused", "wait"]

    def test_two_runs_after_a_takeover_make_one_order(self, shop: object, clock: Clock) -> None:
        owner, inner = Owner(), list[Placed]()

        def stalls(request: httpx.Request) -> httpx.Response:
            if not inner:
                clock.pass_(contract.PLACEMENT_LEASE)
                inner.append(place(clock, handler=owner, names=numbers()))
            return owner(request)

        late = place(clock, handler=stalls, names=numbers())
        assert (late.order_no, late.replayed, inner[0].replayed) == ("TC-1", True, False)
        assert late.body == inner[0].body
        assert Order.objects.count() == 1

    def test_a_late_commit_fails_on_a_number_that_was_given_up(self, shop: object, clock: Clock) -> None:
        owner = Owner()

        def stalls(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/products/reservations" and not owner.asked:
                clock.pass_(contract.PLACEMENT_LEASE)
                assert lifecycle.outcome(order_no="TC-1", customer="ada", now=clock()) == "release"
            return owner(request)

        names = numbers()
        assert refusal(clock, handler=stalls, names=names).kind.slug == "unavailable"
        assert owner.asked[-1] == "/products/reservations/TC-1/release"
        assert not Order.objects.exists()
        assert place(clock, handler=owner, names=names).order_no == "TC-2", "the key is free, the number is not"

    def test_a_released_number_is_changed_once(self, shop: object, clock: Clock) -> None:
        owner, names = Owner(), numbers()

        def released(request: httpx.Request) -> httpx.Response:
            if b"TC-1" in request.content:
                return httpx.Response(409, json={"type": "/problems/reservation-settled", "state": "released"})
            return owner(request)

        assert place(clock, handler=released, names=names).order_no == "TC-2"

    def test_a_refusal_does_not_free_a_key_that_was_taken_over(self, shop: object, clock: Clock) -> None:
        owner, inner = Owner(), list[Placed]()

        def stalls(request: httpx.Request) -> httpx.Response:
            clock.pass_(contract.PLACEMENT_LEASE)
            inner.append(place(clock, handler=owner))
            return httpx.Response(409, json={"type": "/problems/insufficient-stock", "shortfalls": []})

        refusal(clock, handler=stalls)
        assert place(clock, handler=never).body == inner[0].body


@pytest.mark.django_db
class TestOutcome:
    def test_a_number_that_nobody_knows_will_never_be_an_order(self, clock: Clock) -> None:
        assert lifecycle.outcome(order_no="TC-1", customer="ada", now=clock()) == "release"

    def test_an_order_is_confirmed_until_it_is_cancelled(self, shop: object, clock: Clock) -> None:
        number = place(clock).order_no
        assert lifecycle.outcome(order_no=number, customer="ada", now=clock()) == "confirm"
        lifecycle.change_status(
            order_no=number, to="cancelled", customer="ada", products_here=True, peers=gateway(never), now=clock()
        )
        assert lifecycle.outcome(order_no=number, customer="ada", now=clock()) == "release"

    def test_old_keys_are_pruned(self, shop: object, clock: Clock) -> None:
        place(clock)
        clock.pass_(keys.KEPT.total_seconds())
        assert keys.prune(now=clock()) == 0
        clock.pass_(contract.PLACEMENT_LEASE + 1)
        assert keys.prune(now=clock()) == 1


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def test_a_duplicate_is_told_at_once_that_the_first_still_runs(self) -> None:
        stock_the_shop()
        inside, finish = threading.Event(), threading.Event()

        def stalling() -> datetime:
            if threading.current_thread() is not threading.main_thread() and IdempotencyKey.objects.exists():
                inside.set()
                finish.wait(10)
            return datetime(2026, 11, 23, 10, tzinfo=UTC)

        def first() -> Placed:
            try:
                return place(stalling)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(first)
            assert inside.wait(10)
            try:
                with pytest.raises(Problem, match="idempotency-key-in-flight"):
                    place(stalling)
            finally:
                finish.set()
            placed = running.result()
        assert place(stalling).body == placed.body

    def test_many_with_one_key_make_one_order(self) -> None:
        stock_the_shop()
        start = threading.Barrier(6)

        def attempt(_: int) -> str:
            start.wait(10)
            try:
                return "again" if place(Clock()).replayed else "first"
            except Problem as problem:
                return problem.kind.slug
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(attempt, range(6)))
        assert answers.count("first") == 1
        assert set(answers) <= {"first", "again", "idempotency-key-in-flight"}
        assert (Order.objects.count(), lamps()) == (1, 8)

    def test_many_customers_never_buy_more_than_there_is(self) -> None:
        stock_the_shop()

        def attempt(number: int) -> bool:
            try:
                place(Clock(), key=f"k{number}", request=OrderRequest(lines=[Line("LAMP", 3)], ship_to=SHIP_TO))
            except Problem as problem:
                assert problem.kind.slug == "insufficient-stock"
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(attempt, range(12))) == 3
        assert lamps() == 1


@pytest.mark.django_db
def test_the_view_answers_with_the_order_and_where_it_is(api: Api, shop: object) -> None:
    body = {"lines": [{"sku": "LAMP", "quantity": 1}], "ship_to": {**SHIP_TO, "name": "  Ada  "}}
    first = api("POST", "/orders", body, who="ada", Idempotency_Key="k")
    again = api("POST", "/orders", body, who="ada", Idempotency_Key="k")
    other = api("POST", "/orders", body, who="bob", Idempotency_Key="k")
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 201)
    assert first["Location"] == again["Location"] == f"/orders/{first.json()['number']}"
    assert first.json()["ship_to"]["name"] == "Ada"
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert again.content == first.content
    assert other.json()["number"] != first.json()["number"], "keys are the customer's own"


@pytest.mark.django_db
def test_the_view_goes_through_the_gateway_when_the_service_owns_products(
    api: Api, shop: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Owner()
    monkeypatch.setattr("legacy_monolith.sales.peers.through_gateway", lambda: gateway(owner))
    body = {"lines": [{"sku": "LAMP", "quantity": 1}], "ship_to": SHIP_TO}
    answer = api("POST", "/orders", body, who="ada", owners={"products": "service"}, Idempotency_Key="k")
    assert answer.status_code == 201
    assert owner.orders == [answer.json()["number"]]
    assert not Reservation.objects.exists()


@pytest.mark.django_db
def test_every_error_of_an_order_comes_in_the_contracts_order(api: Api, shop: object) -> None:
    body = {"lines": [{"sku": "LAMP", "quantity": 0}], "ship_to": {"street": "", "city": "x" * 201, "postcode": None}}
    answer = api("POST", "/orders", body, who="ada", Idempotency_Key="k")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
        ("/lines/0/quantity", "too_small"),
        ("/ship_to/name", "required"),
        ("/ship_to/street", "blank"),
        ("/ship_to/city", "too_long"),
        ("/ship_to/postcode", "null"),
        ("/ship_to/country", "required"),
    ]
    answer = api("POST", "/orders", {"ship_to": []}, who="ada", Idempotency_Key="k")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
        ("/lines", "required"),
        ("/ship_to", "invalid"),
    ]
