from __future__ import annotations

from decimal import Decimal
from html import unescape

import pytest
from django.test import Client

from services.chassis import contract

HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


def text(response) -> str:
    return unescape(response.content.decode())


def put(client: Client, sku: str, quantity: object = 1, **extra):
    return client.post("/cart/add", {"sku": sku, "quantity": quantity}, **extra)


def test_an_empty_cart_says_so(client: Client, shop):
    assert "Nothing in it yet" in text(client.get("/cart"))
    assert shop.requests == []


def test_what_is_added_is_in_the_cart(client: Client, shop):
    response = put(client, "AUD-100", 2)
    assert (response.status_code, response["Location"]) == (303, "/cart")
    page = text(client.get("/cart"))
    assert "2 × Harbour over-ear headphones are in your cart." in page
    assert "£258.00" in page
    assert "Check out" in page
    assert client.session["cart"] == {"AUD-100": 2}


def test_adding_again_adds_up(client: Client, shop):
    put(client, "AUD-100")
    put(client, "AUD-100", 2)
    assert client.session["cart"] == {"AUD-100": 3}


def test_htmx_is_told_in_place(client: Client, shop):
    response = put(client, "AUD-100", headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in text(response)
    assert "Harbour over-ear headphones is in your cart." in text(response)
    assert 'hx-swap-oob="innerHTML:#cart-count"' in text(response)
    assert "1 item in the cart" in text(response)


def test_more_than_there_is_becomes_all_there_is(client: Client, shop):
    put(client, "AUD-110", 5)
    assert client.session["cart"] == {"AUD-110": 3}
    assert "Only 3 left of Pebble speaker" in text(client.get("/cart"))
    put(client, "AUD-110", 1)
    assert client.session["cart"] == {"AUD-110": 3}
    assert "You already have all that can be sold" in text(client.get("/p/AUD-110"))


def test_what_is_sold_out_stays_out_of_the_cart(client: Client, shop):
    response = put(client, "AUD-120", headers=HTMX)
    assert response.status_code == 409
    assert "out of stock" in text(response)
    assert "cart" not in client.session


@pytest.mark.parametrize("quantity", ["0", "-1", "two", "1.5", "", "1e3", "\x00", "٣"])
def test_an_odd_quantity_is_explained(client: Client, shop, quantity):
    response = put(client, "AUD-100", quantity, headers=HTMX)
    assert response.status_code == 422
    assert "whole number" in text(response)
    assert "cart" not in client.session
    assert put(client, "AUD-100", quantity)["Location"] == "/p/AUD-100"


@pytest.mark.parametrize("quantity", ["99999", "9" * 10_000])
def test_a_huge_quantity_is_all_there_is(client: Client, shop, quantity):
    put(client, "AUD-100", quantity)
    assert client.session["cart"] == {"AUD-100": 14}


@pytest.mark.parametrize("sku", ["NOPE", "", "lower", "\x00", "../orders", "A" * 9000])
def test_what_is_not_sold_cannot_be_added(client: Client, shop, sku):
    assert put(client, sku).status_code == 404
    assert client.post("/cart/add").status_code == 404


def test_a_line_never_holds_more_than_an_order_can(client: Client, shop):
    shop.products["AUD-100"].stock = contract.STOCK_MAX
    put(client, "AUD-100", "50000")
    assert client.session["cart"] == {"AUD-100": contract.QUANTITY_MAX}


def test_a_full_cart_says_so(client: Client, shop):
    session = client.session
    session["cart"] = {f"SKU{number}": 1 for number in range(contract.LINES_MAX)}
    session.save()
    response = put(client, "AUD-100", headers=HTMX)
    assert response.status_code == 409
    assert "yours is full" in text(response)


def test_a_quantity_can_be_changed_and_a_line_taken_out(client: Client, shop):
    put(client, "AUD-100")
    put(client, "KEY-210")
    assert client.post("/cart/update", {"sku": "AUD-100", "quantity": "4"}).status_code == 303
    assert client.session["cart"] == {"AUD-100": 4, "KEY-210": 1}
    client.post("/cart/update", {"sku": "AUD-100", "quantity": "4", "remove": "1"})
    assert client.session["cart"] == {"KEY-210": 1}
    client.post("/cart/update", {"sku": "KEY-210", "quantity": "0"})
    assert client.session["cart"] == {}


def test_htmx_gets_the_cart_alone_with_the_count(client: Client, shop):
    put(client, "AUD-100")
    response = client.post("/cart/update", {"sku": "AUD-100", "quantity": "3"}, headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in text(response)
    assert "£387.00" in text(response)
    assert "3 items in the cart" in text(response)


def test_changing_to_more_than_there_is_becomes_all_there_is(client: Client, shop):
    put(client, "AUD-110")
    response = client.post("/cart/update", {"sku": "AUD-110", "quantity": "8"}, headers=HTMX)
    assert "Only 3 left of Pebble speaker" in text(response)
    assert client.session["cart"] == {"AUD-110": 3}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"sku": "AUD-100", "quantity": "x"}, 422),
        ({"sku": "AUD-100"}, 422),
        ({"sku": "NOPE", "quantity": "1"}, 404),
        ({}, 422),
    ],
)
def test_an_odd_change_changes_nothing(client: Client, shop, data, status):
    put(client, "AUD-100")
    assert client.post("/cart/update", data, headers=HTMX).status_code == status
    assert client.post("/cart/update", data).status_code == 303
    assert client.session["cart"] == {"AUD-100": 1}


def test_a_cart_shows_what_changed_in_the_shop(client: Client, shop):
    for sku in ("AUD-100", "AUD-110", "KEY-210", "LGT-310"):
        put(client, sku, 2)
    shop.products["AUD-100"].price = Decimal("135.00")
    shop.products["AUD-110"].stock = 1
    shop.products["KEY-210"].stock = 0
    del shop.products["LGT-310"]
    page = text(client.get("/cart"))
    assert "It was £129.00 when you put it here." in page
    assert "You want 2, and only 1 is left." in page
    assert "Take the 1 left" in page
    assert "Sold out. Take it out to go on." in page
    assert "No longer sold. Take it out to go on." in page
    assert "Please look at the marked lines" in page
    assert ">Check out<" not in page


def test_a_cart_is_one_request(client: Client, shop):
    for sku in ("AUD-100", "KEY-210", "LGT-310"):
        put(client, sku)
    shop.requests.clear()
    client.get("/cart")
    assert [dict(request.url.params) for request in shop.requests] == [
        {"sku": "AUD-100,KEY-210,LGT-310", "page_size": "100"}
    ]


def test_a_tampered_session_is_an_odd_cart_but_a_page(client: Client, shop):
    session = client.session
    session["cart"] = {"AUD-100": -1, "lower": 2, "KEY-210": "3", "LGT-310": 10**12}
    session.save()
    assert client.get("/cart").status_code == 200


def test_a_cart_is_never_cached(client: Client, shop):
    assert "no-store" in client.get("/cart")["Cache-Control"]


def test_a_shop_that_does_not_answer_keeps_the_cart(client: Client, shop):
    put(client, "AUD-100")
    shop.down.add("/products")
    response = client.get("/cart")
    assert response.status_code == 503
    assert "Your cart is safe" in text(response)
    assert put(client, "KEY-210").status_code == 503
    assert client.post("/cart/update", {"sku": "AUD-100", "quantity": "2"}).status_code == 503
    assert client.session["cart"] == {"AUD-100": 1}


def test_forms_from_elsewhere_are_refused_with_a_page(shop):
    client = Client(enforce_csrf_checks=True)
    response = put(client, "AUD-100")
    assert response.status_code == 403
    assert "That form has expired" in text(response)
