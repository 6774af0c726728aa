"""The same two hundred requests are answered the same, whoever answers for products and for orders."""

from __future__ import annotations

import secrets
import string
from typing import Any

import pytest

from services.chassis.identity import Owner
from tests.contract.recorded import NUMBER, WORD, Replay, requests
from tests.support.shop import Shop
from tests.support.system import COMBINATIONS, System


def _word() -> str:
    return "".join(secrets.choice(string.ascii_lowercase) for _ in WORD)


def _replay(shop: Shop) -> list[Any]:
    answers = Replay(shop, _word()).answers()
    return [(f"{n} {request.method} {request.path}", seen) for n, (request, seen) in enumerate(answers)]


@pytest.fixture(scope="module")
def expected(system: System) -> list[Any]:
    """What the monolith answers by itself."""
    system.route(products="monolith", orders="monolith")
    return _replay(system.upstreams("monolith", "monolith"))


def test_there_are_two_hundred_of_them_and_the_same_every_time() -> None:
    assert len(requests()) == NUMBER == 200
    assert requests() == requests()


def test_they_are_worth_replaying(expected: list[Any]) -> None:
    """Every status that clients can bring about is among the answers."""
    assert {seen["status"] for _, seen in expected} >= {200, 201, 204, 400, 401, 403, 404, 405, 409, 415, 422}


def _difference(one: Any, other: Any) -> str:
    parts = [name for name in one if one[name] != other[name]]
    return "; ".join(f"{name} {str(one[name])[:300]} != {str(other[name])[:300]}" for name in parts)


def _hold_equal(expected: list[Any], answers: list[Any]) -> None:
    different = [
        f"{name}: {_difference(one, other)}"
        for (name, one), (_, other) in zip(expected, answers, strict=True)
        if one != other
    ]
    assert not different, "\n".join(different)


def test_the_services_by_themselves_answer_as_the_monolith_does(system: System, expected: list[Any]) -> None:
    system.route(products="service", orders="service")
    _hold_equal(expected, _replay(system.upstreams("services", "service")))


@pytest.mark.parametrize(("products", "orders"), COMBINATIONS)
def test_the_gateway_answers_alike_whoever_is_behind_it(
    system: System, expected: list[Any], products: Owner, orders: Owner
) -> None:
    system.route(products=products, orders=orders)
    _hold_equal(expected, _replay(system.front()))
