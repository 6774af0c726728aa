from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


def text(response) -> str:
    return unescape(response.content.decode())


def test_the_catalogue_shows_products_categories_and_how_many(client: Client, shop):
    page = text(client.get("/"))
    assert page.startswith("<!doctype html>")
    assert "Harbour over-ear headphones" in page and "£129.00" in page
    assert "£1,099.00" in page
    assert "15 products" in page
    assert "Keyboards & mice" in page


def test_cards_say_what_is_left(client: Client, shop):
    page = text(client.get("/?ordering=price"))
    assert "In stock" in page and "Only 3 left" in page and "Out of stock" in page
    assert page.count('class="add"') == 14


def test_filters_search_and_order_come_from_the_query_string(client: Client, shop):
    page = text(client.get("/?search=KEYBOARD&category=keyboards-mice&price_min=50&in_stock=true&ordering=-price"))
    assert "1 product" in page
    assert "Sixty-five mechanical keyboard" in page
    assert "Quiet mouse" not in page
    assert 'value="KEYBOARD"' in page
    assert 'value="-price" selected' in page
    assert 'value="keyboards-mice" checked' in page
    assert "Remove filter: " in page


def test_pages_keep_the_other_state(client: Client, shop):
    for number in range(60):
        shop.add(f"MANY-{number}", f"Lamp {number:02d}", "9.00")
    page = text(client.get("/?search=lamp&ordering=-name&page=2"))
    assert "61 products, page 2 of 3" in page
    assert 'href="/?search=lamp&ordering=-name"' in page
    assert 'href="/?search=lamp&ordering=-name&page=3"' in page


def test_htmx_gets_the_results_alone_and_their_address(client: Client, shop):
    response = client.get("/?search=lamp&category=&price_min=", headers=HTMX)
    assert "<html" not in text(response)
    assert "Arc desk lamp" in text(response)
    assert 'hx-swap-oob="innerHTML:#result-count"' in text(response)
    assert response["HX-Push-Url"] == "/?search=lamp"


def test_htmx_gets_a_whole_page_when_it_restores_history(client: Client, shop):
    response = client.get("/?search=lamp", headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert text(response).startswith("<!doctype html>")
    assert "HX-Push-Url" not in response


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_caches_keep_whole_and_part_apart(client: Client, shop, headers):
    vary = client.get("/", headers=headers)["Vary"]
    assert {"HX-Request", "HX-History-Restore-Request", "Cookie"} <= set(vary.split(", "))


def test_nothing_found_is_said_with_a_way_on(client: Client, shop):
    response = client.get("/?search=zebra")
    assert response.status_code == 200
    assert "No products found" in text(response)
    assert "Show all products" in text(response)


def test_an_empty_shop_says_so(client: Client, shop):
    shop.products.clear()
    assert "The shelves are being filled" in text(client.get("/"))


@pytest.mark.parametrize(
    ("page", "status"),
    [("abc", 200), ("-1", 200), ("0", 200), ("", 200), ("99", 404), ("1000000000", 404), ("9" * 5000, 404)],
)
def test_an_odd_page_is_the_first_and_a_far_one_is_not_there(client: Client, shop, page, status):
    response = client.get("/", {"page": page})
    assert response.status_code == status
    if status == 404:
        assert "Go to the first page" in text(response)


@pytest.mark.parametrize(
    "query",
    [
        "search=%FF%FE",
        "search=%00",
        "search=%ED%A0%80",
        "search=" + "x" * 5000,
        "category=%00",
        "category=No+Such!",
        "price_min=abc",
        "price_min=-1",
        "price_max=1e9",
        "price_max=NaN",
        "price_min=999999999999",
        "in_stock=maybe",
        "ordering=drop",
        "page=%FF",
        "&&&",
        "search=a&search=b",
        "category=nothing-like-it",
        "search=%3Cscript%3E",
    ],
)
def test_bad_input_is_a_page_all_the_same(client: Client, shop, query):
    response = client.get(f"/?{query}")
    assert response.status_code == 200
    assert "<script>" not in response.content.decode()


def test_what_was_left_out_is_said(client: Client, shop):
    assert "The lowest price was left out" in text(client.get("/?price_min=cheap"))


def test_names_are_escaped(client: Client, shop):
    shop.add("EVIL", '<img src=x onerror="alert(1)">', "1.00", description="<script>alert(1)</script>")
    for path in ("/", "/p/EVIL"):
        page = client.get(path).content.decode()
        assert "<img src=x" not in page
        assert "<script>alert" not in page


def test_pages_have_no_inline_script_or_style(client: Client, shop):
    for path in ("/", "/p/AUD-100", "/cart"):
        page = client.get(path).content.decode()
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        assert page.count("<script") == page.count("<script src=")


def test_a_product_has_a_page(client: Client, shop):
    page = text(client.get("/p/AUD-110"))
    assert "<h1>Pebble speaker</h1>" in page
    assert "Only 3 left" in page
    assert 'max="3"' in page
    assert "/pictures/AUD-110.svg?c=audio" in page
    assert "More in Audio" in page
    assert "Harbour over-ear headphones" in page


def test_a_sold_out_product_cannot_be_put_into_the_cart(client: Client, shop):
    page = text(client.get("/p/AUD-120"))
    assert "sold out" in page
    assert "Add to cart" not in page


def test_a_product_of_no_category_has_a_page(client: Client, shop):
    page = text(client.get("/p/MISC.1"))
    assert "Mystery parcel" in page
    assert "More in" not in page


def test_a_product_page_is_whole_without_related_products(client: Client, shop, monkeypatch):
    monkeypatch.setattr(shop, "_list", lambda parameters: {"something": "else"})
    response = client.get("/p/AUD-100")
    assert response.status_code == 200
    assert "Harbour over-ear headphones" in text(response)
    assert "More in" not in text(response)


@pytest.mark.parametrize("sku", ["NOPE", "aud-100", "%FF", "A%00B", "<b>", "A" * 41])
def test_a_product_that_is_not_there_is_a_friendly_404(client: Client, shop, sku):
    response = client.get(f"/p/{sku}")
    assert response.status_code == 404
    assert "We could not find that" in text(response)


def test_no_path_ends_in_a_slash(client: Client, shop):
    for path in ("/cart/", "/p/AUD-100/", "/checkout/"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/p/AUD-100"])
def test_a_shop_that_does_not_answer_is_a_503_with_a_way_to_try_again(client: Client, shop, path):
    shop.down.add("/products")
    response = client.get(f"{path}?search=lamp")
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "no-store" in response["Cache-Control"]
    assert "The shop is having trouble" in text(response)
    assert f'href="{path}?search=lamp"' in text(response)


def test_htmx_shows_trouble_in_place_of_the_page(client: Client, shop):
    shop.down.add("/products")
    response = client.get("/", headers=HTMX)
    assert response.status_code == 503
    assert response["HX-Retarget"] == "body"


def test_an_answer_that_is_not_the_contracts_is_a_503(client: Client, shop):
    shop.broken.add("/products")
    assert client.get("/").status_code == 503


def test_head_works_and_other_methods_do_not(client: Client, shop):
    assert client.head("/").status_code == 200
    assert client.post("/").status_code == 405
    assert client.get("/cart/add").status_code == 405
