"""The sweeper of the Product API: what is held too long is settled as the order's owner says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.products import reservations, settlement
from services.products.models import Product, Reservation
from tests.support.rest import gateway
from tests.unit.products.conftest import MakeProduct

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
OVERDUE = NOW + timedelta(seconds=121)


@pytest.fixture
def held(make_product: MakeProduct) -> list[str]:
    make_product("A")
    numbers = ["TC-1", "TC-2", "TC-3", "TC-4", "TC-5"]
    for number in numbers:
        reservations.reserve(order=number, customer=f"c-{number}", lines=[("A", 1)], now=NOW)
    return numbers


def states() -> dict[str, str]:
    return dict(Reservation.objects.order_by("order").values_list("order", "state"))


def test_it_does_as_it_is_told_and_one_bad_answer_does_not_stop_the_rest(held: list[str]) -> None:
    asked: list[tuple[str, str]] = []
    answers = {
        "TC-1": httpx.Response(500),
        "TC-2": httpx.Response(200, json={"order": "TC-2", "outcome": "confirm"}),
        "TC-3": httpx.Response(200, json={"order": "TC-3", "outcome": "release"}),
        "TC-4": httpx.Response(200, json={"order": "TC-4", "outcome": "wait"}),
        "TC-5": httpx.Response(200, content=b"<html>"),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        _, _, number, act = request.url.path.split("/")
        assert act == "settle"
        asked.append((number, json.loads(request.content)["customer"]))
        return answers[number]

    settlement.settle_overdue(gateway=gateway(answer), now=OVERDUE)
    assert asked == [(number, f"c-{number}") for number in held]
    assert states() == {"TC-1": "held", "TC-2": "confirmed", "TC-3": "released", "TC-4": "held", "TC-5": "held"}
    assert Product.objects.get().stock == 6


def test_it_never_guesses_when_nobody_answers(held: list[str]) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    settlement.settle_overdue(gateway=gateway(refuse), now=OVERDUE)
    settlement.settle_overdue(gateway=gateway(lambda _: httpx.Response(404, json={})), now=OVERDUE)
    assert set(states().values()) == {"held"}


def test_it_leaves_alone_what_is_not_overdue_or_has_been_settled(held: list[str]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing was to be asked")

    settlement.settle_overdue(gateway=gateway(fail), now=NOW + timedelta(seconds=120))
    for number in held:
        reservations.confirm(order=number)
    settlement.settle_overdue(gateway=gateway(fail), now=OVERDUE)
    assert set(states().values()) == {"confirmed"}
