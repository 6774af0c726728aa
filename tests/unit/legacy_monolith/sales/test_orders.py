"""legacy_monolith.sales: reading orders and changing their status, through the views."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import DatabaseError, transaction

from legacy_monolith.catalogue.models import Product, Reservation
from legacy_monolith.sales import orders, sweeper
from legacy_monolith.sales.models import LETTERS, Order, Status
from legacy_monolith.sales.peers import Reserved
from services.chassis import contract
from tests.unit.legacy_monolith.conftest import NOW, SHIP_TO, Api, gateway, never, nobody

pytestmark = pytest.mark.django_db


def write(number: str, *, customer: str = "ada", status: str = "placed", minutes: int = 0) -> None:
    orders.record(
        order_no=number,
        customer=customer,
        ship_to=SHIP_TO,
        lines=[Reserved("LAMP", "Lamp", 2, 2000), Reserved("DESK", "Desk", 1, 15050)],
        now=NOW + timedelta(minutes=minutes),
        stock_settled=True,
    )
    if status != "placed":
        # As import does: an order may begin anywhere, but not jump.
        Order.objects.filter(order_no=number).delete()
        Order.objects.create(
            order_no=number,
            cust_ref=customer,
            status=LETTERS[status],
            total_cents=1,
            placed=NOW + timedelta(minutes=minutes),
            **{f"ship_{name}": value for name, value in SHIP_TO.items()},
        )


def buy(api: Api, **owners: Any) -> str:
    body = {"lines": [{"sku": "LAMP", "quantity": 2}], "ship_to": SHIP_TO}
    number: str = api("POST", "/orders", body, who="ada", Idempotency_Key="k").json()["number"]
    return number


def listed(answer: Any) -> list[str]:
    return [order["number"] for order in answer.json()["results"]]


def test_an_order_is_shown_to_its_customer_and_to_operators_only(api: Api) -> None:
    write("TC-0001")
    assert api("GET", "/orders/TC-0001", who="ada").json()["total"]["amount"] == "190.50"
    assert api("GET", "/orders/TC-0001", who="operator").status_code == 200
    assert api("GET", "/orders/TC-0001", who="bob").status_code == 404
    assert api("GET", "/orders/TC-0001", who="service").status_code == 403
    assert api("GET", "/orders/TC-0001").status_code == 401
    assert api("GET", "/orders/TC-0002", who="ada").status_code == 404


def test_lists_are_newest_first_then_by_number_descending(api: Api) -> None:
    write("TC-0001")
    write("TC-0003", minutes=1)
    write("TC-0002", minutes=1)
    write("TC-0004", customer="bob", minutes=2)
    assert listed(api("GET", "/orders", who="ada")) == ["TC-0003", "TC-0002", "TC-0001"]
    assert listed(api("GET", "/orders", who="operator")) == ["TC-0004", "TC-0003", "TC-0002", "TC-0001"]


def test_only_operators_choose_whose_orders(api: Api) -> None:
    write("TC-0001")
    write("TC-0002", customer="bob")
    assert listed(api("GET", "/orders?customer=bob", who="operator")) == ["TC-0002"]
    assert listed(api("GET", "/orders?customer=bob", who="ada")) == ["TC-0001"]
    assert listed(api("GET", "/orders?customer=%00", who="ada")) == ["TC-0001"]
    assert api("GET", "/orders?customer=%00", who="operator").status_code == 422


def test_lists_are_filtered_by_status(api: Api) -> None:
    write("TC-0001")
    write("TC-0002", status="paid")
    assert listed(api("GET", "/orders?status=paid", who="ada")) == ["TC-0002"]
    assert listed(api("GET", "/orders?status=", who="ada")) == ["TC-0002", "TC-0001"]
    assert api("GET", "/orders?status=Paid", who="ada").json()["errors"][0]["parameter"] == "status"


def test_a_list_takes_four_queries_however_long(api: Api, django_assert_num_queries: Any) -> None:
    for number in range(10, 30):
        write(f"TC-00{number}")
    with django_assert_num_queries(4):
        answer = api("GET", "/orders", who="ada").json()
    assert len(answer["results"]) == 20
    assert [line["sku"] for line in answer["results"][0]["lines"]] == ["DESK", "LAMP"]


@pytest.mark.parametrize("before", contract.STATUSES)
@pytest.mark.parametrize("after", contract.STATUSES)
def test_the_api_and_the_database_allow_the_same_changes(api: Api, before: str, after: str) -> None:
    write("TC-0001", status=before)
    allowed = before == after or (before, after) in contract.TRANSITIONS
    try:
        with transaction.atomic():
            Order.objects.update(status=LETTERS[after])
            transaction.set_rollback(True)
        refused = False
    except DatabaseError:
        refused = True
    assert refused is not allowed
    answer = api("POST", "/orders/TC-0001/status", {"status": after}, who="operator")
    assert answer.status_code == (200 if allowed else 409)
    if allowed:
        assert answer.json()["status"] == after
    else:
        assert (answer.json()["from"], answer.json()["to"]) == (before, after)


def test_history_grows_with_each_change_and_not_without(api: Api, shop: object) -> None:
    number = buy(api)
    answer: dict[str, Any] = {}
    for status in ("paid", "paid", "shipped", "delivered", "refunded"):
        answer = api("POST", f"/orders/{number}/status", {"status": status}, who="operator").json()
    assert [change["status"] for change in answer["history"]] == ["placed", "paid", "shipped", "delivered", "refunded"]


@pytest.mark.parametrize("body", [{}, {"status": None}, {"status": "lost"}, {"status": 1}, {"status": ""}])
def test_a_status_is_one_of_six(api: Api, body: object) -> None:
    write("TC-0001")
    assert api("POST", "/orders/TC-0001/status", body, who="operator").status_code == 422
    assert api("POST", "/orders/TC-0001/status", {"status": "paid"}, who="ada").status_code == 403


def test_cancelling_gives_the_stock_back_once_and_needs_no_body(api: Api, shop: object) -> None:
    number = buy(api)
    answer: Any = None
    for _ in range(2):
        answer = api("POST", f"/orders/{number}/cancel", who="ada", content_type="")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert [change["status"] for change in answer.json()["history"]] == ["placed", "cancelled"]
    assert Product.objects.get(code="LAMP").qty == 10
    assert Order.objects.get().stock_settled
    assert Reservation.objects.get().get_state_display() == "released"


def test_an_operator_who_sets_cancelled_gives_the_stock_back_too(api: Api, shop: object) -> None:
    number = buy(api)
    assert api("POST", f"/orders/{number}/status", {"status": "cancelled"}, who="operator").status_code == 200
    assert Product.objects.get(code="LAMP").qty == 10


def test_what_has_been_shipped_cannot_be_cancelled(api: Api) -> None:
    write("TC-0001", status="shipped")
    answer = api("POST", "/orders/TC-0001/cancel", who="ada")
    assert (answer.status_code, answer.json()["from"], answer.json()["to"]) == (409, "shipped", "cancelled")


def test_nobody_cancels_anothers_order(api: Api) -> None:
    write("TC-0001")
    assert api("POST", "/orders/TC-0001/cancel", who="bob").status_code == 404
    assert Order.objects.get().status == Status.PLACED


def test_where_the_service_owns_products_the_status_comes_first_and_the_stock_after(
    api: Api, shop: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("TC-0001")
    seen: list[tuple[str, str]] = []

    def owner(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, Order.objects.get().get_status_display()))
        return httpx.Response(200, json={})

    monkeypatch.setattr("legacy_monolith.sales.peers.through_gateway", lambda: gateway(owner))
    api("POST", "/orders/TC-0001/cancel", who="ada", owners={"products": "service"})
    assert seen == [("/products/reservations/TC-0001/release", "cancelled")]
    assert Order.objects.get().stock_settled


def test_a_release_that_fails_is_remembered_and_swept(api: Api, shop: object, monkeypatch: pytest.MonkeyPatch) -> None:
    write("TC-0001")
    monkeypatch.setattr("legacy_monolith.sales.peers.through_gateway", lambda: gateway(nobody))
    answer = api("POST", "/orders/TC-0001/cancel", who="ada", owners={"products": "service"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert not Order.objects.get().stock_settled
    sweeper.settle_orders(peers=gateway(lambda request: httpx.Response(200, json={})))
    assert Order.objects.get().stock_settled


def test_an_order_reserved_elsewhere_is_released_there_even_when_products_are_here(
    api: Api, shop: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("TC-0001")
    asked: list[str] = []

    def owner(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(404, json={})

    monkeypatch.setattr("legacy_monolith.sales.peers.through_gateway", lambda: gateway(owner))
    api("POST", "/orders/TC-0001/cancel", who="ada")
    assert asked == ["/products/reservations/TC-0001/release"]
    assert not Order.objects.get().stock_settled


def test_services_ask_what_became_of_an_order(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legacy_monolith.sales.peers.through_gateway", lambda: gateway(never))
    write("TC-0001")
    path = "/orders/TC-0001/settle"
    assert api("POST", path, {"customer": "ada"}, who="service").json() == {"order": "TC-0001", "outcome": "confirm"}
    assert api("POST", path, {}, who="service").json()["errors"][0]["code"] == "required"
    assert api("POST", path, {"customer": "ada"}, who="operator").status_code == 403
