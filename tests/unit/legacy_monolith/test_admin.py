"""The monolith's own admin: every page opens, and nobody breaks a rule there."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from legacy_monolith.catalogue.models import Product
from legacy_monolith.sales.models import Order, Status
from tests.unit.legacy_monolith.conftest import SHIP_TO, Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(api: Api, shop: object) -> Order:
    body = {"lines": [{"sku": "LAMP", "quantity": 2}], "ship_to": SHIP_TO}
    number = api("POST", "/orders", body, who="ada", Idempotency_Key="k").json()["number"]
    return Order.objects.get(order_no=number)


@pytest.mark.parametrize("model", ["catalogue/category", "catalogue/product", "catalogue/reservation", "sales/order",
                                   "sales/customer", "sales/return", "sales/idempotencykey"])  # fmt: skip
def test_every_list_can_be_opened_and_searched(admin_client: Client, order: Order, model: str) -> None:
    assert admin_client.get(f"/admin/{model}/").status_code == 200
    assert admin_client.get(f"/admin/{model}/?q=lamp").status_code == 200


def test_an_order_and_its_reservation_can_be_looked_at_and_not_edited(admin_client: Client, order: Order) -> None:
    shown = admin_client.get(f"/admin/sales/order/{order.pk}/change/").content.decode()
    assert order.order_no in shown and "LAMP" in shown
    assert 'name="status"' not in shown and "Delete" not in shown


def test_prices_are_shown_as_people_read_them(admin_client: Client, order: Order) -> None:
    assert "£150.50" in admin_client.get("/admin/catalogue/product/").content.decode()
    assert "£40.00" in admin_client.get("/admin/sales/order/").content.decode()


def test_saving_a_title_leaves_the_stock_that_was_sold_meanwhile(
    admin_client: Client, shop: dict[str, Product]
) -> None:
    lamp = shop["LAMP"]
    page = f"/admin/catalogue/product/{lamp.pk}/change/"
    form = {"title": "New lamp", "descr": "x", "category": lamp.category_id, "price_cents": 2000, "qty": 10}
    Product.objects.filter(pk=lamp.pk).update(qty=10)
    assert admin_client.post(page, {**form, "active": "on"}).status_code == 302
    changed = Product.objects.get(pk=lamp.pk)
    assert (changed.title, changed.qty) == ("New lamp", 10)
    assert changed.modified > lamp.modified


def test_actions_follow_the_table_of_transitions(admin_client: Client, order: Order) -> None:
    def act(action: str) -> str:
        page = admin_client.post(
            "/admin/sales/order/", {"action": action, "_selected_action": [order.pk]}, follow=True
        ).content.decode()
        return " ".join(re.findall(r'<li class="(?:success|error)">(.*?)</li>', page))

    assert "cannot go" in act("mark_shipped")
    assert "1 marked as paid" in act("mark_paid")
    order.refresh_from_db()
    assert order.status == Status.PAID


def test_a_page_that_is_not_there_is_a_page(admin_client: Client) -> None:
    answer = admin_client.get("/admin/nope/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
