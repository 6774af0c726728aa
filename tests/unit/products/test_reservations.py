"""Reservations: what is held for an order, whatever happens at the same time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from pytest_django import DjangoAssertNumQueries

from services.chassis.problems import Problem
from services.products import catalogue, reservations
from services.products.models import Product, Reservation
from tests.support.rest import Api, at_once, body, errors, problem
from tests.unit.products.conftest import MakeProduct

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
PATH = "/products/reservations"


def reserve(order: str, *lines: tuple[str, int]) -> tuple[dict[str, Any], bool]:
    return reservations.reserve(order=order, customer="c-1", lines=lines, now=NOW)


def outcome(order: str, *lines: tuple[str, int]) -> str:
    """Return what became of a reservation, in a word."""
    try:
        return "new" if reserve(order, *lines)[1] else "again"
    except Problem as problem:
        return problem.kind.slug


def stock(sku: str) -> int:
    return Product.objects.get(sku=sku).stock


def test_a_reservation_holds_stock_name_and_price(make_product: MakeProduct) -> None:
    make_product("B", name="Bulb", price=Decimal("0.35"))
    make_product("A", name="Arm")
    shown, new = reserve("TC-1", ("B", 3), ("A", 1))
    catalogue.change(sku="B", changes={"name": "Other", "price": Decimal(9)}, now=NOW)
    assert new
    assert shown == reservations.found(order="TC-1")
    assert list(shown) == ["order", "customer", "state", "expires_at", "lines"]
    assert (shown["state"], shown["expires_at"]) == ("held", "2026-11-23T10:02:00.000000Z")
    assert [line["sku"] for line in shown["lines"]] == ["A", "B"]
    assert shown["lines"][1] == {
        "sku": "B",
        "name": "Bulb",
        "quantity": 3,
        "unit_price": {"amount": "0.35", "currency": "GBP"},
    }
    assert (stock("A"), stock("B")) == (9, 7)


def test_the_queries_of_a_reservation_grow_by_one_with_each_line(
    service: Api, make_product: MakeProduct, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for sku in "ABC":
        make_product(sku)
    # Two savepoints and their ends, the reservation, the products, the lines, the lines again for the answer.
    for number, lines in (("TC-1", "A"), ("TC-3", "ABC")):
        members = {"order": number, "customer": "c", "lines": [{"sku": sku, "quantity": 1} for sku in lines]}
        with django_assert_num_queries(11 + len(lines)):
            assert service.post(PATH, members).status_code == 201


def test_reading_and_settling_take_these_queries(
    service: Api, make_product: MakeProduct, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_product("A")
    reserve("TC-1", ("A", 1))
    with django_assert_num_queries(2):
        assert service.get(f"{PATH}/TC-1").status_code == 200
    with django_assert_num_queries(8):
        assert service.post(f"{PATH}/TC-1/confirm").status_code == 200
    with django_assert_num_queries(10):
        assert service.post(f"{PATH}/TC-1/release").status_code == 200


def test_not_enough_of_one_holds_nothing_of_any(make_product: MakeProduct) -> None:
    make_product("A")
    make_product("B", stock=1)
    make_product("C", stock=0)
    with pytest.raises(Problem) as caught:
        reserve("TC-1", ("C", 1), ("B", 2), ("A", 1))
    assert caught.value.members["shortfalls"] == [
        {"sku": "B", "requested": 2, "available": 1},
        {"sku": "C", "requested": 1, "available": 0},
    ]
    assert stock("A") == 10
    assert not Reservation.objects.exists()


def test_unknown_products_are_pointed_at_before_shortfalls_are_told(service: Api, make_product: MakeProduct) -> None:
    make_product("B", stock=0)
    make_product("D")
    catalogue.delete(sku="D", now=NOW)
    lines = [{"sku": sku, "quantity": 1} for sku in ("Z", "B", "D")]
    response = service.post(PATH, {"order": "TC-1", "customer": "c", "lines": lines})
    assert errors(response) == [("/lines/0/sku", "unknown_product"), ("/lines/2/sku", "unknown_product")]


def test_the_same_again_is_found_although_its_product_has_gone(make_product: MakeProduct) -> None:
    make_product("A")
    first, _ = reserve("TC-1", ("A", 1))
    catalogue.delete(sku="A", now=NOW)
    assert reserve("TC-1", ("A", 1)) == (first, False)


def test_each_state_answers_each_act_as_the_contract_says(make_product: MakeProduct) -> None:
    make_product("A")
    reserve("TC-1", ("A", 4))
    assert reservations.confirm(order="TC-1")["state"] == "confirmed"
    assert reservations.confirm(order="TC-1")["state"] == "confirmed"
    assert outcome("TC-1", ("A", 4)) == "again"
    assert outcome("TC-1", ("A", 5)) == "reservation-mismatch"
    assert stock("A") == 6
    assert reservations.release(order="TC-1")["state"] == "released"
    assert reservations.release(order="TC-1")["state"] == "released"
    assert stock("A") == 10
    assert outcome("TC-1", ("A", 4)) == "reservation-settled"
    with pytest.raises(Problem) as caught:
        reservations.confirm(order="TC-1")
    assert caught.value.members == {"state": "released"}


@pytest.mark.parametrize("act", ["", "/confirm", "/release"])
def test_a_reservation_that_is_not_there_is_not_found(service: Api, act: str) -> None:
    assert problem(service.send("POST" if act else "GET", f"{PATH}/TC-NONE{act}")) == "not-found"


def test_the_database_refuses_a_way_back_from_released(make_product: MakeProduct) -> None:
    make_product("A")
    reserve("TC-1", ("A", 1))
    reservations.release(order="TC-1")
    for state in ("held", "confirmed"):
        with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
            Reservation.objects.update(state=state)


@pytest.mark.django_db(transaction=True)
def test_twenty_who_want_the_last_pieces_get_them_once(make_product: MakeProduct) -> None:
    make_product("A", stock=7)
    found = at_once(20, lambda n: outcome(f"TC-{n:02}", ("A", 1)))
    assert sorted(found) == ["insufficient-stock"] * 13 + ["new"] * 7
    assert stock("A") == 0


@pytest.mark.django_db(transaction=True)
def test_the_same_reservation_many_times_at_once_is_made_once(make_product: MakeProduct) -> None:
    make_product("A", stock=10)
    make_product("B", stock=10)
    found = at_once(8, lambda n: outcome("TC-1", *[("A", 2), ("B", 3)][:: 1 if n % 2 else -1]))
    assert sorted(found) == ["again"] * 7 + ["new"]
    assert (stock("A"), stock("B")) == (8, 7)


@pytest.mark.django_db(transaction=True)
def test_one_order_that_cannot_be_had_fails_for_everyone_who_asks_at_once(make_product: MakeProduct) -> None:
    make_product("A", stock=1)
    assert at_once(6, lambda _: outcome("TC-1", ("A", 2))) == ["insufficient-stock"] * 6
    assert stock("A") == 1


@pytest.mark.django_db(transaction=True)
def test_stock_is_conserved_while_orders_come_are_confirmed_and_go(make_product: MakeProduct) -> None:
    for sku in "ABC":
        make_product(sku, stock=100)

    def live(n: int) -> int:
        skus = "ABC"[n % 3 :] + "ABC"[: n % 3]
        order = f"TC-{n:02}"
        reserve(order, *((sku, 1 + n % 4) for sku in skus))
        if n % 2:
            reservations.confirm(order=order)
        if n % 3 == 0:
            reservations.release(order=order)
            return 0
        return 1 + n % 4

    kept = sum(at_once(16, live))
    assert [stock(sku) for sku in "ABC"] == [100 - kept] * 3


@pytest.mark.django_db(transaction=True)
def test_releases_and_confirmations_at_once_leave_one_outcome(make_product: MakeProduct) -> None:
    make_product("A", stock=5)
    reserve("TC-1", ("A", 5))

    def act(n: int) -> str:
        try:
            return str((reservations.release if n % 2 else reservations.confirm)(order="TC-1")["state"])
        except Problem as problem:
            return problem.kind.slug

    at_once(8, act)
    assert (Reservation.objects.get().state, stock("A")) == ("released", 5)


def test_an_answer_of_a_reservation_is_json(service: Api, make_product: MakeProduct) -> None:
    make_product("A")
    members = {"order": "TC-1", "customer": "c", "lines": [{"sku": "A", "quantity": 1}]}
    first, again = service.post(PATH, members), service.post(PATH, members)
    assert (first.status_code, again.status_code) == (201, 200)
    assert body(first) == body(again) == body(service.get(f"{PATH}/TC-1"))
