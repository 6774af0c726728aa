"""How an order is placed: one order for one intention, whatever fails on the way."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from services.chassis.problems import Problem
from services.orders import lifecycle
from services.orders.models import IdempotencyKey, KeyState, Order
from tests.support.rest import at_once
from tests.unit.orders.conftest import NOW, Clock, Keeper, Place

pytestmark = pytest.mark.django_db


def refused(place: Place, **intention: object) -> str:
    with pytest.raises(Problem) as caught:
        place(**intention)
    return caught.value.kind.slug


def drop_once(keeper: Keeper, act: str) -> None:
    """Lose the next answer to an act that has happened."""

    def after(done: str) -> None:
        if done == act:
            keeper.after = lambda _: None
            raise httpx.ReadTimeout("the answer is lost")

    keeper.after = after


def test_an_order_is_placed_once_and_answered_again(place: Place, keeper: Keeper) -> None:
    first, again = place(), place()
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.number, first.answer) == (again.number, again.answer)
    assert json.loads(first.answer) == lifecycle.order(number=first.number, viewer="c-1")
    assert keeper.calls == ["reserve", "confirm"]
    assert keeper.stock["A"] == 8
    assert Order.objects.get().stock_settled


def test_the_key_row_is_committed_before_stock_is_asked_for(place: Place, keeper: Keeper) -> None:
    seen: list[tuple[str, bool]] = []

    def look(act: str) -> None:
        seen.append((IdempotencyKey.objects.get().state, Order.objects.exists()))

    keeper.before = look
    place()
    assert seen == [("in_flight", False), ("done", True)]


def test_a_key_is_the_customers_own_and_for_one_payload(place: Place) -> None:
    first = place()
    assert place(customer="c-2").number != first.number
    assert refused(place, lines=[("A", 3)]) == "idempotency-key-reused"
    assert refused(place, city="Leeds") == "idempotency-key-reused"
    assert place(key="other", lines=[("A", 3)]).number != first.number


def test_the_order_of_the_lines_is_no_part_of_the_payload(place: Place) -> None:
    first = place(lines=[("B", 1), ("A", 2)])
    assert place(lines=[("A", 2), ("B", 1)]).number == first.number


def test_a_definite_refusal_leaves_nothing_behind(place: Place, keeper: Keeper) -> None:
    assert refused(place, lines=[("A", 11)]) == "insufficient-stock"
    assert refused(place, lines=[("B", 1), ("Z", 1)]) == "validation"
    assert not IdempotencyKey.objects.exists()
    assert not Order.objects.exists()
    assert not place(lines=[("A", 1)]).replayed
    assert keeper.stock == {"A": 9, "B": 10}


def test_unknown_products_are_pointed_at_where_the_client_put_them(place: Place) -> None:
    with pytest.raises(Problem) as caught:
        place(lines=[("Z", 1), ("A", 1), ("Y", 1)])
    assert [error["pointer"] for error in caught.value.members["errors"]] == ["/lines/0/sku", "/lines/2/sku"]


def test_a_lost_answer_is_found_again_under_the_same_number(place: Place, keeper: Keeper) -> None:
    drop_once(keeper, "reserve")
    assert refused(place) == "unavailable"
    (number,) = keeper.reservations
    placed = place()
    assert (placed.number, placed.replayed) == (number, False)
    assert keeper.stock["A"] == 8


def test_after_a_lost_answer_another_payload_gets_another_number(place: Place, keeper: Keeper, clock: Clock) -> None:
    drop_once(keeper, "reserve")
    assert refused(place) == "unavailable"
    (lost,) = keeper.reservations
    placed = place(lines=[("B", 1)])
    assert placed.number != lost
    assert lifecycle.settle(number=lost, customer="c-1", now=clock.now) == "release"
    assert lifecycle.settle(number=placed.number, customer="c-1", now=clock.now) == "confirm"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"type": "/problems/token-invalid"}),
        httpx.Response(404, json={"type": "/problems/not-found"}),
        httpx.Response(201, content=b"<html>"),
        httpx.Response(201, json={"state": "held", "lines": []}),
        httpx.Response(201, json={"state": "held", "lines": [{"sku": "A"}]}),
        httpx.Response(201, json=[]),
        httpx.Response(409, json={"type": "/problems/insufficient-stock"}),
        httpx.Response(422, json={"type": "/problems/validation", "errors": []}),
        httpx.Response(422, json={"type": "/problems/reservation-mismatch"}),
        httpx.Response(503, json={}),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:40]}",
)
def test_an_answer_that_makes_no_sense_is_an_unknown_outcome(
    place: Place, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response
) -> None:
    monkeypatch.setattr(Keeper, "__call__", lambda self, request: answer)
    assert refused(place) == "unavailable"
    key = IdempotencyKey.objects.get()
    assert (key.state, key.lease_until, key.attempt) == (KeyState.IN_FLIGHT, NOW, 1)


def test_while_the_first_runs_others_are_told_so(place: Place, keeper: Keeper) -> None:
    found: list[str] = []

    def meanwhile(act: str) -> None:
        if act == "reserve":
            found.extend([refused(place), refused(place, lines=[("B", 1)])])

    keeper.before = meanwhile
    place()
    assert found == ["idempotency-key-in-flight", "idempotency-key-reused"]
    assert Order.objects.count() == 1


def test_a_run_that_died_is_taken_over_after_its_lease(place: Place, keeper: Keeper, clock: Clock) -> None:
    def die(act: str) -> None:
        raise SystemExit

    keeper.after = die
    with pytest.raises(SystemExit):
        place()
    keeper.after = lambda _: None
    (number,) = keeper.reservations
    clock.pass_(29.9)
    assert refused(place) == "idempotency-key-in-flight"
    clock.pass_(0.2)
    assert place().number == number
    assert keeper.stock["A"] == 8


def test_a_slow_run_that_was_taken_over_answers_with_the_others_order(
    place: Place, keeper: Keeper, clock: Clock
) -> None:
    others: list[str] = []

    def overtake(act: str) -> None:
        keeper.after = lambda _: None
        clock.pass_(31)
        others.append(place().answer)

    keeper.after = overtake
    mine = place()
    assert (mine.answer, mine.replayed) == (others[0], True)
    assert Order.objects.count() == 1
    assert keeper.stock["A"] == 8


def test_a_slow_run_that_fails_leaves_its_successors_key_alone(place: Place, keeper: Keeper, clock: Clock) -> None:
    def overtake(act: str) -> None:
        keeper.after = lambda _: None
        clock.pass_(31)
        place()
        raise httpx.ReadTimeout("too late")

    keeper.after = overtake
    assert refused(place) == "unavailable"
    assert IdempotencyKey.objects.get().state == KeyState.DONE
    assert place().replayed


def test_a_placement_that_was_given_up_fails_and_gives_its_stock_back(
    place: Place, keeper: Keeper, clock: Clock
) -> None:
    def give_up(act: str) -> None:
        if act == "reserve":
            (number,) = keeper.reservations
            assert lifecycle.settle(number=number, customer="c-1", now=clock.now) == "wait"
            clock.pass_(31)
            assert lifecycle.settle(number=number, customer="c-1", now=clock.now) == "release"

    keeper.after = give_up
    assert refused(place) == "unavailable"
    assert not Order.objects.exists()
    assert keeper.stock["A"] == 10
    keeper.after = lambda _: None
    (lost,) = keeper.reservations
    assert place().number != lost


def test_a_number_whose_stock_was_given_back_is_burnt(place: Place, keeper: Keeper) -> None:
    drop_once(keeper, "reserve")
    assert refused(place) == "unavailable"
    (number,) = keeper.reservations
    keeper.reservations[number]["state"] = "released"
    assert refused(place) == "unavailable"
    assert place().number != number


def test_a_bug_leaves_the_key_to_whoever_comes_next(place: Place, keeper: Keeper) -> None:
    def crash(act: str) -> None:
        raise ZeroDivisionError

    keeper.before = crash
    with pytest.raises(ZeroDivisionError):
        place()
    keeper.before = lambda _: None
    assert not place().replayed


def test_a_confirmation_that_fails_is_remembered(place: Place, keeper: Keeper) -> None:
    drop_once(keeper, "confirm")
    assert not place().replayed
    assert not Order.objects.get().stock_settled


def test_keys_are_leased_for_thirty_seconds(place: Place) -> None:
    place()
    assert IdempotencyKey.objects.get().lease_until == NOW + timedelta(seconds=30)


@pytest.mark.django_db(transaction=True)
def test_one_intention_sent_many_times_at_once_makes_one_order(place: Place, keeper: Keeper) -> None:
    def act(_: int) -> str:
        try:
            placed = place()
        except Problem as problem:
            return problem.kind.slug
        return "replayed" if placed.replayed else "placed"

    found = at_once(12, act)
    assert found.count("placed") == 1
    assert set(found) <= {"placed", "replayed", "idempotency-key-in-flight"}
    assert Order.objects.count() == 1
    assert keeper.stock["A"] == 8


@pytest.mark.django_db(transaction=True)
def test_a_dead_run_is_taken_over_by_one_of_many(place: Place, keeper: Keeper, clock: Clock) -> None:
    drop_once(keeper, "reserve")
    assert refused(place) == "unavailable"

    def act(_: int) -> str:
        try:
            return place().number
        except Problem as problem:
            return problem.kind.slug

    found = set(at_once(8, act)) - {"idempotency-key-in-flight"}
    assert found == set(keeper.reservations)
    assert Order.objects.count() == 1
    assert keeper.stock["A"] == 8


@pytest.mark.django_db(transaction=True)
def test_a_settlement_and_a_late_commit_never_both_have_their_way(place: Place, keeper: Keeper, clock: Clock) -> None:
    """Whatever the race's outcome, what settling said stays true."""

    def act(n: int) -> tuple[str, str]:
        if n % 2 == 0:
            try:
                return "placed", place(key=f"k{n}", lines=[("A", 1)]).number
            except Problem as problem:
                return problem.kind.slug, ""
        while not (numbers := list(keeper.reservations)):
            pass
        return lifecycle.settle(number=numbers[-1], customer="c-1", now=clock.now + timedelta(seconds=31)), numbers[-1]

    found = at_once(8, act)
    placed = set(Order.objects.values_list("number", flat=True))
    for outcome, number in found:
        if outcome == "confirm":
            assert number in placed
        if outcome == "release":
            assert number not in placed
    assert keeper.stock["A"] == 10 - len(placed)
