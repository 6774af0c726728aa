"""legacy_monolith.catalogue.reservations, through the views where that is the point."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from legacy_monolith.catalogue import reservations
from legacy_monolith.catalogue.models import Product, Reservation, ReservationState
from legacy_monolith.lines import Line
from services.chassis.problems import Problem
from tests.unit.legacy_monolith.conftest import NOW, Api, stock_the_shop

PATH = "/products/reservations"


def body(order: str = "TC-1", **quantities: int) -> dict[str, Any]:
    return {
        "order": order,
        "customer": "ada",
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()],
    }


def ask(api: Api, wanted: Any, path: str = PATH) -> Any:
    return api("POST", path, wanted, who="service")


def stock() -> dict[str, int]:
    return dict(Product.objects.values_list("code", "qty"))


@pytest.mark.django_db
class TestOne:
    def test_it_takes_the_stock_once_however_often_it_is_asked(self, api: Api, shop: object) -> None:
        first, again = (ask(api, body(LAMP=2, DESK=1)) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json() == api("GET", f"{PATH}/TC-1", who="service").json()
        assert list(first.json()) == ["order", "customer", "state", "expires_at", "lines"]
        assert [line["sku"] for line in first.json()["lines"]] == ["DESK", "LAMP"]
        assert stock() == {"LAMP": 8, "DESK": 2, "MUG": 0}

    def test_it_keeps_name_and_price_of_the_moment(self, api: Api, shop: object) -> None:
        ask(api, body(LAMP=1))
        Product.objects.filter(code="LAMP").update(title="Dearer lamp", price_cents=9900)
        assert ask(api, body(LAMP=1)).json()["lines"] == [
            {"sku": "LAMP", "name": "Heron lamp", "quantity": 1, "unit_price": {"amount": "20.00", "currency": "GBP"}}
        ]

    def test_other_lines_for_the_same_order_are_a_mismatch(self, api: Api, shop: object) -> None:
        ask(api, body(LAMP=1))
        others: tuple[dict[str, Any], ...] = ({"LAMP": 2}, {"DESK": 1}, {"LAMP": 1, "DESK": 1})
        for other in others:
            answer = ask(api, body(**other))
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/reservation-mismatch")

    def test_unknown_and_deleted_products_are_pointed_at(self, api: Api, shop: object) -> None:
        Product.objects.filter(code="DESK").update(active=False)
        answer = ask(api, body(NOPE=1, LAMP=1, DESK=1))
        assert answer.status_code == 422
        assert [e["pointer"] for e in answer.json()["errors"]] == ["/lines/0/sku", "/lines/2/sku"]

    def test_too_little_stock_holds_nothing_and_says_how_little(self, api: Api, shop: object) -> None:
        answer = ask(api, body(MUG=1, LAMP=1, DESK=4))
        assert answer.status_code == 409
        assert answer.json()["shortfalls"] == [
            {"sku": "DESK", "requested": 4, "available": 3},
            {"sku": "MUG", "requested": 1, "available": 0},
        ]
        assert stock()["LAMP"] == 10
        assert not Reservation.objects.exists()

    def test_confirming_is_for_good_and_releasing_gives_back_once(self, api: Api, shop: object) -> None:
        ask(api, body(LAMP=2))
        for _ in range(2):
            assert ask(api, None, f"{PATH}/TC-1/confirm").json()["state"] == "confirmed"
        for _ in range(2):
            assert ask(api, None, f"{PATH}/TC-1/release").json()["state"] == "released"
        assert stock()["LAMP"] == 10
        for answer in (ask(api, None, f"{PATH}/TC-1/confirm"), ask(api, body(LAMP=2))):
            assert (answer.status_code, answer.json()["state"]) == (409, "released")

    def test_stock_of_a_product_that_is_gone_comes_back_too(self, api: Api, shop: object) -> None:
        ask(api, body(LAMP=2))
        api("DELETE", "/products/LAMP", who="operator")
        assert ask(api, None, f"{PATH}/TC-1/release").status_code == 200
        assert stock()["LAMP"] == 10

    def test_there_is_none_where_none_was_made(self, api: Api, shop: object) -> None:
        for path in (f"{PATH}/TC-1/confirm", f"{PATH}/TC-1/release"):
            assert ask(api, None, path).status_code == 404
        assert api("GET", f"{PATH}/TC-1", who="service").status_code == 404

    def test_only_services_may(self, api: Api, shop: object) -> None:
        assert api("POST", PATH, body(LAMP=1)).status_code == 401
        assert api("POST", PATH, body(LAMP=1), who="operator").status_code == 403

    def test_errors_come_in_the_order_of_the_members(self, api: Api, shop: object) -> None:
        answer = ask(api, {"order": "low", "customer": "x" * 65, "lines": []})
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
            ("/order", "invalid"),
            ("/customer", "too_long"),
            ("/lines", "empty"),
        ]

    def test_the_database_refuses_a_state_that_cannot_follow(self, shop: object) -> None:
        reservations.reserve(order_no="TC-1", customer="ada", lines=[Line("LAMP", 1)], now=NOW, confirmed=True)
        with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
            Reservation.objects.update(state=ReservationState.HELD)


@pytest.mark.django_db(transaction=True)
class TestMany:
    def test_the_same_order_at_the_same_time_is_reserved_once(self) -> None:
        stock_the_shop()

        def reserve(_: int) -> bool:
            try:
                return reservations.reserve(order_no="TC-1", customer="ada", lines=[Line("LAMP", 2)], now=NOW)[1]
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as pool:
            created = list(pool.map(reserve, range(6)))
        assert sum(created) == 1
        assert stock()["LAMP"] == 8

    def test_crossing_orders_neither_deadlock_nor_oversell(self) -> None:
        stock_the_shop()
        Product.objects.update(qty=10)

        def reserve(number: int) -> bool:
            lines = [Line("LAMP", 1), Line("DESK", 1), Line("MUG", 1)]
            try:
                reservations.reserve(
                    order_no=f"TC-{number}", customer="ada", lines=lines[:: -1 if number % 2 else 1], now=NOW
                )
            except Problem as problem:
                assert problem.kind.slug == "insufficient-stock"
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(6) as pool:
            made = sum(pool.map(reserve, range(20)))
        assert made == 10
        assert stock() == {"LAMP": 0, "DESK": 0, "MUG": 0}

    def test_a_release_at_the_same_time_gives_back_once(self) -> None:
        stock_the_shop()
        reservations.reserve(order_no="TC-1", customer="ada", lines=[Line("LAMP", 4)], now=NOW)

        def release(_: int) -> None:
            try:
                reservations.release(order_no="TC-1")
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(release, range(4)))
        assert stock()["LAMP"] == 10
