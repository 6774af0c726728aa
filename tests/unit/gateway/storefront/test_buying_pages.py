"""The checkout and the orders, as a shopper meets them."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client

from tests.unit.gateway.storefront.fake import ADDRESS

pytestmark = pytest.mark.django_db


def text(response) -> str:
    return unescape(response.content.decode())


def put(client: Client, sku: str, quantity: int = 1) -> None:
    client.post("/cart/add", {"sku": sku, "quantity": quantity})


def form(client: Client) -> dict[str, str]:
    """Return what a browser would submit."""
    response = client.get("/checkout")
    assert response.status_code == 200
    return {"offer": offer_in(response), **ADDRESS}


def offer_in(response) -> str:
    found = re.search(r'name="offer" value="([^"]+)"', text(response))
    assert found
    return found[1]


def test_checking_out_needs_a_login_and_comes_back(client: Client, shop):
    response = client.get("/checkout")
    assert response.status_code == 302
    assert response["Location"].endswith("/login?next=/checkout")


def test_an_empty_cart_has_nothing_to_check_out(client: Client, shop, shopper):
    response = client.get("/checkout", follow=True)
    assert response.redirect_chain == [("/cart", 303)]
    assert "nothing to check out" in text(response)


def test_the_checkout_shows_what_is_bought(client: Client, shop, shopper):
    put(client, "AUD-100", 2)
    response = client.get("/checkout")
    assert "2 × £129.00" in text(response)
    assert "£258.00" in text(response)
    assert "no-store" in response["Cache-Control"]


def test_the_address_of_the_last_order_is_filled_in(client: Client, shop, shopper):
    put(client, "AUD-100")
    assert "Ada Lovelace" not in text(client.get("/checkout"))
    shop.order(shopper, [("AUD-100", 1)])
    assert 'value="Ada Lovelace"' in text(client.get("/checkout"))


def test_the_checkout_works_without_the_last_order(client: Client, shop, shopper):
    put(client, "AUD-100")
    shop.down.add("/orders")
    assert client.get("/checkout").status_code == 200


def test_an_order_is_placed_and_the_cart_is_cleared_of_it(client: Client, shop, shopper):
    put(client, "AUD-100", 2)
    put(client, "KEY-210")
    response = client.post("/checkout", form(client))
    assert (response.status_code, response["Location"]) == (303, "/my/orders/TC-000000000000")
    assert shop.placements == [
        {"lines": [{"sku": "AUD-100", "quantity": 2}, {"sku": "KEY-210", "quantity": 1}], "ship_to": ADDRESS}
    ]
    assert client.session["cart"] == {}
    page = text(client.get(response["Location"]))
    assert "Thank you!" in page
    assert "£282.90" in page
    assert "SW1Y 4JH" in page
    assert "Thank you!" not in text(client.get(response["Location"]))


def test_white_space_around_the_address_is_trimmed(client: Client, shop, shopper):
    put(client, "AUD-100")
    client.post("/checkout", {**form(client), "city": "  London \n"})
    assert shop.placements[0]["ship_to"] == ADDRESS


def test_what_was_added_meanwhile_stays_in_the_cart(client: Client, shop, shopper):
    put(client, "AUD-100", 1)
    submitted = form(client)
    put(client, "AUD-100", 2)
    put(client, "KEY-210")
    client.post("/checkout", submitted)
    assert client.session["cart"] == {"AUD-100": 2, "KEY-210": 1}


def test_submitting_again_buys_once_and_ends_at_the_same_order(client: Client, shop, shopper):
    put(client, "AUD-100")
    submitted = form(client)
    first = client.post("/checkout", submitted)
    again = client.post("/checkout", submitted)
    changed = client.post("/checkout", {**submitted, "city": "Paris"})
    assert first["Location"] == again["Location"] == changed["Location"]
    assert len(shop.orders) == len(shop.placements) == 1


def test_a_session_that_lost_the_answer_still_buys_once(client: Client, shop, shopper):
    put(client, "AUD-100")
    submitted = form(client)
    before = dict(client.session.items())
    first = client.post("/checkout", submitted)
    session = client.session
    for key in [*session.keys()]:
        if key.startswith(("cart", "checkout")):
            del session[key]
    session.update({key: value for key, value in before.items() if key.startswith(("cart", "checkout"))})
    session.save()
    shop.products["AUD-100"].stock = 0
    again = client.post("/checkout", submitted)
    assert first["Location"] == again["Location"]
    assert len(shop.placements) == 2
    assert len(shop.orders) == 1
    assert client.session["cart"] == {}


def test_two_tabs_with_the_same_cart_buy_once(client: Client, shop, shopper):
    put(client, "AUD-100")
    tabs = [form(client), form(client)]
    places = {client.post("/checkout", tab)["Location"] for tab in tabs}
    assert len(places) == len(shop.orders) == 1


def test_the_same_cart_can_be_bought_again_on_purpose(client: Client, shop, shopper):
    for _ in range(2):
        put(client, "AUD-100")
        client.post("/checkout", form(client))
    assert len(shop.orders) == 2


def test_a_first_submission_that_is_still_running_is_waited_for(client: Client, shop, shopper):
    put(client, "AUD-100")
    shop.in_flight = 2
    assert client.post("/checkout", form(client)).status_code == 303
    assert len(shop.orders) == 1


def test_one_that_takes_too_long_can_be_asked_for_again_with_the_same_form(client: Client, shop, shopper):
    put(client, "AUD-100")
    shop.in_flight = 99
    waiting = client.post("/checkout", form(client))
    assert waiting.status_code == 503
    assert "We are still working on your order" in text(waiting)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', waiting.content.decode()))
    shop.in_flight = 0
    response = client.post("/checkout", {name: unescape(value) for name, value in fields.items()})
    assert response["Location"] == "/my/orders/TC-000000000000"
    assert all(placement == shop.placements[0] for placement in shop.placements)


def test_no_answer_is_not_taken_for_a_failure(client: Client, shop, shopper):
    put(client, "AUD-100")
    submitted = form(client)
    shop.down.add("/orders")
    response = client.post("/checkout", submitted)
    assert response.status_code == 503
    assert "bought once" in text(response)
    assert client.session["cart"] == {"AUD-100": 1}


def test_a_changed_price_is_shown_before_it_is_charged(client: Client, shop, shopper):
    put(client, "AUD-100")
    submitted = form(client)
    shop.products["AUD-100"].price = Decimal("131.00")
    response = client.post("/checkout", submitted)
    assert response.status_code == 409
    assert "the total was £129.00 and is now £131.00" in text(response)
    assert 'value="Ada Lovelace"' in text(response)
    assert not shop.placements
    assert client.post("/checkout", {**submitted, "offer": offer_in(response)}).status_code == 303
    assert [order["total"]["amount"] for order in shop.orders.values()] == ["131.00"]


def test_a_price_that_changes_while_ordering_is_told(client: Client, shop, shopper):
    put(client, "AUD-100")
    shop.before_placing.append(lambda: setattr(shop.products["AUD-100"], "price", Decimal("150.00")))
    response = client.post("/checkout", form(client), follow=True)
    assert "the total is £150.00, not £129.00" in text(response)


def test_short_stock_leads_back_to_the_marked_cart(client: Client, shop, shopper):
    put(client, "AUD-110", 3)
    submitted = form(client)
    shop.products["AUD-110"].stock = 1
    response = client.post("/checkout", submitted, follow=True)
    assert response.redirect_chain == [("/cart", 303)]
    assert "Pebble speaker: you wanted 3, and there are only 1 left. Nothing was bought." in text(response)
    assert "You want 3, and only 1 is left." in text(response)
    assert client.get("/checkout").status_code == 303
    assert not shop.orders


def test_a_product_that_is_gone_leads_back_to_the_marked_cart(client: Client, shop, shopper):
    put(client, "AUD-110")
    submitted = form(client)
    del shop.products["AUD-110"]
    response = client.post("/checkout", submitted, follow=True)
    assert response.redirect_chain == [("/cart", 303)]
    assert "no longer sold" in text(response)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "   "}, "Please give the full name."),
        ({"street": ""}, "Please give the street and number."),
        ({"postcode": "1" * 61}, "At most 60 characters, please."),
        ({"city": "A\x00B"}, "Null characters are not allowed."),
        ({"country": "nowhere"}, "Not a valid value."),
    ],
)
def test_an_address_that_cannot_be_used_is_marked(client: Client, shop, shopper, changes, words):
    put(client, "AUD-100")
    response = client.post("/checkout", {**form(client), **changes})
    assert response.status_code == 422
    assert words in text(response)
    assert 'aria-invalid="true"' in text(response)
    assert not shop.orders
    assert client.post("/checkout", {"offer": offer_in(response), **ADDRESS}).status_code == 303


@pytest.mark.parametrize("offer", ["", "x", "a:b:c", "\x00", "é" * 500])
def test_a_tampered_form_buys_nothing(client: Client, shop, shopper, offer):
    put(client, "AUD-100")
    response = client.post("/checkout", {**ADDRESS, "offer": offer}, follow=True)
    assert response.redirect_chain == [("/checkout", 303)]
    assert "could not be used any more" in text(response)
    assert client.post("/checkout").status_code == 303
    assert not shop.placements


def test_a_form_that_was_bought_with_another_address_leads_to_the_orders(client: Client, shop, shopper):
    put(client, "AUD-100")
    submitted = form(client)
    client.post("/checkout", submitted)
    session = client.session
    del session["checkout_placed"]
    session.save()
    response = client.post("/checkout", {**submitted, "city": "Paris"}, follow=True)
    assert response.redirect_chain == [("/my/orders", 303)]
    assert "We already had this order from you" in text(response)
    assert len(shop.orders) == 1


def test_orders_need_a_login(client: Client, shop, db):
    for path in ("/my/orders", "/my/orders/TC-1234", "/my/orders/TC-1234/cancel"):
        assert "login?next=" in client.get(path)["Location"]


def test_nobody_has_ordered_yet(client: Client, shop, shopper):
    assert "No orders yet" in text(client.get("/my/orders"))


def test_orders_are_listed_newest_first_in_pages(client: Client, shop, shopper):
    for _ in range(12):
        shop.order(shopper, [("AUD-100", 1)])
    first, second = text(client.get("/my/orders")), text(client.get("/my/orders?page=2"))
    assert first.index("TC-000000000011") < first.index("TC-000000000010")
    assert "TC-000000000001" not in first
    assert "TC-000000000001" in second
    assert client.get("/my/orders?page=abc").status_code == 200
    assert client.get("/my/orders?page=1000000000").status_code == 404


def test_an_order_shows_its_way_even_when_its_products_are_gone(client: Client, shop, shopper):
    number = shop.order(shopper, [("AUD-100", 2)], statuses=("placed", "paid", "shipped"))["number"]
    shop.products.clear()
    page = text(client.get(f"/my/orders/{number}"))
    assert "On its way" in page
    assert "Harbour over-ear headphones" in page
    assert "1 November 2026, 09:30 UTC" in page
    assert "Cancel this order" not in page
    shop.down.add("/products")
    assert client.get(f"/my/orders/{number}").status_code == 200


@pytest.mark.parametrize("number", ["TC-000000000999", "tc-1", "A", "%FF", "X" * 41])
def test_an_order_that_is_not_there_is_a_friendly_404(client: Client, shop, shopper, number):
    for path in (f"/my/orders/{number}", f"/my/orders/{number}/cancel"):
        response = client.get(path)
        assert response.status_code == 404
        assert "We could not find that" in text(response)
    assert client.post(f"/my/orders/{number}/cancel").status_code == 404


def test_another_shoppers_order_is_not_there(client: Client, shop, shopper):
    number = shop.order("somebody else", [("AUD-100", 1)])["number"]
    assert client.get(f"/my/orders/{number}").status_code == 404
    assert client.post(f"/my/orders/{number}/cancel").status_code == 404
    assert shop.orders[number]["status"] == "placed"


def test_an_order_is_cancelled_after_asking(client: Client, shop, shopper):
    number = shop.order(shopper, [("AUD-100", 1)])["number"]
    assert "Yes, cancel it" in text(client.get(f"/my/orders/{number}/cancel"))
    assert shop.orders[number]["status"] == "placed"
    response = client.post(f"/my/orders/{number}/cancel", follow=True)
    assert response.redirect_chain == [(f"/my/orders/{number}", 303)]
    assert "The order is cancelled." in text(response)
    assert shop.orders[number]["status"] == "cancelled"


def test_an_order_on_its_way_is_too_late_to_cancel(client: Client, shop, shopper):
    number = shop.order(shopper, [("AUD-100", 1)], statuses=("placed", "paid", "shipped"))["number"]
    assert "cannot be cancelled" in text(client.get(f"/my/orders/{number}/cancel", follow=True))
    assert "too late to cancel" in text(client.post(f"/my/orders/{number}/cancel", follow=True))


def test_staff_see_their_own_orders_only(client: Client, shop, django_user_model):
    staff = django_user_model.objects.create_user("ops@example.com", "a long enough password", is_staff=True)
    client.force_login(staff)
    shop.order("somebody else", [("AUD-100", 1)])
    assert "No orders yet" in text(client.get("/my/orders"))


def test_orders_are_a_503_when_the_shop_does_not_answer(client: Client, shop, shopper):
    shop.down.add("/orders")
    for path in ("/my/orders", "/my/orders/TC-1234"):
        assert client.get(path).status_code == 503
    assert client.post("/my/orders/TC-1234/cancel").status_code == 503


# How far a write has come.


def position(response) -> str | None:
    cookie = response.cookies.get("tc_position")
    if cookie is None:
        return None
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (True, "Lax", "/", 300)
    return str(cookie.value)


def sent(shop) -> list[str]:
    return [request.headers.get("Cookie", "").partition("tc_position=")[2] for request in shop.requests]


def test_the_page_after_a_purchase_is_not_read_from_a_side_that_is_behind(client: Client, shop, shopper):
    put(client, "AUD-100")
    submitted = form(client)
    shop.reached = ["orders.monolith.3.1.sig"]
    response = client.post("/checkout", submitted)
    assert response.status_code == 303
    assert position(response) == "orders.monolith.3.1.sig"
    shop.requests.clear()
    shown = client.get(response["Location"])
    assert set(sent(shop)) == {"orders.monolith.3.1.sig"}
    assert position(shown) is None


def test_nor_is_the_page_after_cancelling(client: Client, shop, shopper):
    client.cookies["tc_position"] = "orders.monolith.3.1.sig"
    number = shop.order(shopper, [("AUD-100", 1)])["number"]
    assert position(client.get(f"/my/orders/{number}/cancel")) is None
    shop.reached = ["orders.monolith.3.2.sig"]
    assert position(client.post(f"/my/orders/{number}/cancel")) == "orders.monolith.3.2.sig"
    client.get("/my/orders")
    assert sent(shop)[-1] == "orders.monolith.3.2.sig"


def test_a_page_that_has_written_nothing_gives_no_position(client: Client, shop, shopper):
    put(client, "AUD-100")
    submitted = form(client)
    shop.products["AUD-100"].stock = 0
    assert position(client.post("/checkout", submitted)) is None
