"""Orders after they have been placed: who sees them, how they move, what settling says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import DatabaseError, transaction
from pytest_django import DjangoAssertNumQueries

from services.chassis import contract
from services.chassis.client import GatewayClient
from services.chassis.problems import Problem
from services.orders import lifecycle
from services.orders.models import Order, Status, StatusChange
from tests.support.rest import Api, at_once, body, errors, problem
from tests.unit.orders.conftest import NOW, SHIP_TO, Clock, Keeper, Place

pytestmark = pytest.mark.django_db

WAYS: dict[str, list[str]] = {
    "placed": [],
    "paid": ["paid"],
    "shipped": ["paid", "shipped"],
    "delivered": ["paid", "shipped", "delivered"],
    "cancelled": ["cancelled"],
    "refunded": ["paid", "shipped", "delivered", "refunded"],
}
MEMBERS = {"lines": [{"sku": "A", "quantity": 2}], "ship_to": SHIP_TO}


def move(operator: Api, number: str, *statuses: str) -> None:
    for status in statuses:
        assert operator.post(f"/orders/{number}/status", {"status": status}).status_code == 200


def test_the_tables_statuses_are_the_contracts() -> None:
    assert tuple(Status.values) == contract.STATUSES


def test_placing_takes_these_queries(buyer: Api, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    # The key row (a savepoint, the row, the end); the order (the same around the lock, the order, its lines, its
    # history, the answer); the remark that the stock is settled.
    with django_assert_num_queries(16):
        response = buyer.post("/orders", MEMBERS, headers={"Idempotency-Key": "k"})
    assert response.status_code == 201
    number = body(response)["number"]
    assert response.headers["Location"] == f"/orders/{number}"
    # The row that is there already (a savepoint, the failure, the way back), and the lock on it (a savepoint).
    with django_assert_num_queries(12):
        again = buyer.post("/orders", MEMBERS, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.headers["Idempotency-Replayed"], again.content) == (201, "true", response.content)


@pytest.mark.parametrize("orders", [1, 5])
def test_a_page_takes_four_queries_however_many_orders_it_has(
    buyer: Api, place: Place, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries, orders: int
) -> None:
    numbers = []
    for n in range(orders):
        clock.pass_(1)
        numbers.append(place(key=f"k{n}", lines=[("A", 1), ("B", 1)]).number)
    with django_assert_num_queries(4):
        page = body(buyer.get("/orders?status=placed"))
    assert [order["number"] for order in page["results"]] == numbers[::-1]
    with django_assert_num_queries(3):
        assert body(buyer.get(f"/orders/{numbers[0]}")) == page["results"][-1]


def test_orders_of_one_moment_are_ordered_by_number(operator: Api, place: Place) -> None:
    numbers = [place(key=f"k{n}", lines=[("A", 1)]).number for n in range(5)]
    seen = [order["number"] for order in body(operator.get("/orders"))["results"]]
    assert seen == sorted(numbers, reverse=True)


def test_a_customer_sees_own_orders_and_an_operator_everyones(buyer: Api, operator: Api, place: Place) -> None:
    mine, other = place().number, place(customer="c-2").number
    assert body(buyer.get("/orders?customer=c-2"))["count"] == 1
    assert body(buyer.get(f"/orders/{mine}"))["customer"] == "c-1"
    assert problem(buyer.get(f"/orders/{other}")) == "not-found"
    assert problem(buyer.post(f"/orders/{other}/cancel")) == "not-found"
    assert body(operator.get("/orders"))["count"] == 2
    assert [order["number"] for order in body(operator.get("/orders?customer=c-2"))["results"]] == [other]
    assert body(operator.get(f"/orders/{other}"))["customer"] == "c-2"


@pytest.mark.parametrize("before", WAYS)
@pytest.mark.parametrize("after", WAYS)
def test_only_the_tables_changes_are_possible(operator: Api, place: Place, before: str, after: str) -> None:
    number = place().number
    move(operator, number, *WAYS[before])
    response = operator.post(f"/orders/{number}/status", {"status": after})
    if before == after or (before, after) in contract.TRANSITIONS:
        assert response.status_code == 200
        history = [entry["status"] for entry in body(response)["history"]]
        assert history == ["placed", *WAYS[before], *([after] if before != after else [])]
    else:
        assert problem(response) == "illegal-transition"
        assert list(body(response).items())[-2:] == [("from", before), ("to", after)]


@pytest.mark.parametrize("before", WAYS)
@pytest.mark.parametrize("after", WAYS)
def test_the_database_allows_the_same_and_no_more(operator: Api, place: Place, before: str, after: str) -> None:
    number = place().number
    move(operator, number, *WAYS[before])
    rows = Order.objects.filter(number=number)
    if before == after or (before, after) in contract.TRANSITIONS:
        assert rows.update(status=after) == 1
    else:
        with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
            rows.update(status=after)


@pytest.mark.parametrize("first", ["placed", "paid"])
def test_cancelling_gives_the_stock_back_once(
    buyer: Api, operator: Api, place: Place, keeper: Keeper, first: str
) -> None:
    number = place().number
    move(operator, number, *WAYS[first])
    cancelled = body(buyer.post(f"/orders/{number}/cancel"))
    assert cancelled["status"] == "cancelled"
    assert body(buyer.post(f"/orders/{number}/cancel")) == cancelled
    assert keeper.calls.count("release") == 1
    assert keeper.stock["A"] == 10
    assert Order.objects.get().stock_settled


def test_cancelling_takes_these_queries(
    buyer: Api, place: Place, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    number = place().number
    # The lock, the status, the history between a savepoint and its end; the remark on the stock; the answer.
    with django_assert_num_queries(13):
        assert buyer.post(f"/orders/{number}/cancel").status_code == 200


def test_an_order_is_cancelled_although_its_stock_cannot_be_released_yet(
    buyer: Api, place: Place, keeper: Keeper
) -> None:
    number = place().number

    def unreachable(act: str) -> None:
        raise httpx.ConnectError("nobody there")

    keeper.before = unreachable
    assert body(buyer.post(f"/orders/{number}/cancel"))["status"] == "cancelled"
    order = Order.objects.get()
    assert (order.status, order.stock_settled) == ("cancelled", False)


def test_a_confirmation_that_arrives_after_the_cancellation_settles_nothing(
    place: Place, keeper: Keeper, client_of_keeper: GatewayClient
) -> None:
    def cancel(act: str) -> None:
        if act == "confirm":
            Order.objects.update(status="cancelled", stock_settled=False)

    keeper.after = cancel
    place()
    assert not Order.objects.get().stock_settled


@pytest.mark.django_db(transaction=True)
def test_cancelling_at_once_gives_the_stock_back_once(place: Place, keeper: Keeper) -> None:
    number = place().number
    found = at_once(8, lambda _: Api("c-1", "orders").post(f"/orders/{number}/cancel").status_code)
    assert set(found) == {200}
    assert keeper.stock["A"] == 10
    assert StatusChange.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_ways_that_part_one_is_taken(place: Place, operator: Api, client_of_keeper: GatewayClient) -> None:
    number = place().number
    move(operator, number, "paid")

    def act(n: int) -> str:
        status = "shipped" if n % 2 else "cancelled"
        try:
            lifecycle.change_status(number=number, viewer=None, status=status, gateway=client_of_keeper, now=NOW)
        except Problem as problem:
            return problem.kind.slug
        return status

    found = at_once(6, act)
    taken = Order.objects.get().status
    assert sorted(found) == sorted(["illegal-transition"] * 3 + [taken] * 3)
    assert StatusChange.objects.count() == 3


def test_settling_says_what_becomes_of_an_order(service: Api, buyer: Api, place: Place) -> None:
    number = place().number
    path = f"/orders/{number}/settle"
    assert list(body(service.post(path, {"customer": "c-1"})).items()) == [("order", number), ("outcome", "confirm")]
    buyer.post(f"/orders/{number}/cancel")
    assert body(service.post(path, {"customer": "c-1"}))["outcome"] == "release"
    assert body(service.post("/orders/TC-NOBODY/settle", {"customer": "c-1"}))["outcome"] == "release"


def test_settling_takes_these_queries(
    service: Api, place: Place, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    number = place().number
    with django_assert_num_queries(6):
        assert service.post(f"/orders/{number}/settle", {"customer": "c-1"}).status_code == 200


def test_settling_waits_for_a_run_until_its_lease_is_over(place: Place, keeper: Keeper, clock: Clock) -> None:
    found: list[str] = []

    def ask(act: str) -> None:
        if act == "reserve":
            (number,) = keeper.reservations
            found.append(lifecycle.settle(number=number, customer="c-1", now=clock.now + timedelta(seconds=29)))

    keeper.after = ask
    place()
    assert found == ["wait"]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, [("/status", "required")]),
        ({"status": None}, [("/status", "null")]),
        ({"status": "lost"}, [("/status", "invalid")]),
        ({"status": ["paid"]}, [("/status", "invalid")]),
        ({"status": ""}, [("/status", "invalid")]),
    ],
)
def test_a_status_that_cannot_be_read_is_pointed_at(
    operator: Api, members: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert errors(operator.post("/orders/TC-NONE/status", members)) == expected
