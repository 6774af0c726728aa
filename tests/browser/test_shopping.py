"""The shopper's journey on a desktop and on a phone, with and without JavaScript, and what axe says of each page."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.pages import PASSWORD
from tests.support.shop import SHIP_TO, Shop

LABELS = {
    "name": "Full name",
    "street": "Street and number",
    "city": "Town or city",
    "postcode": "Postcode",
    "country": "Country",
}
Check = Callable[[Page], None]
Open = Callable[..., Page]


def _unchecked(page: Page) -> None:
    """Axe is JavaScript itself; where the page has none, it is not asked."""


def _register(page: Page, check: Check) -> None:
    page.goto("/account/register")
    check(page)
    form = page.locator("main form")
    form.locator("[name=email]").fill(f"{secrets.token_hex(6)}@example.com")
    form.locator("[name=name]").fill("Ada Byron")
    for field in form.locator("input[type=password]").all():
        field.fill(PASSWORD)
    form.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    check(page)


def _put_into_cart(page: Page, sku: str, check: Check) -> None:
    page.goto(f"/p/{sku}")
    check(page)
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#cart-count")).to_contain_text("1")


def _cards(page: Page, name: str) -> Locator:
    """Return the links to products in the list; the filters in use are links with the same words."""
    return page.locator("#results h3").get_by_role("link", name=re.compile(name))


def _fill_in_address(page: Page) -> None:
    for field, label in LABELS.items():
        page.get_by_label(label, exact=True).fill(SHIP_TO[field])


def _journey(page: Page, front: Shop, check: Check) -> None:
    name = f"Brass lantern {secrets.token_hex(4)}"
    sku = front.make_product(name=name, stock=4)["sku"]
    page.goto("/")
    check(page)
    _register(page, check)
    search = page.get_by_role("searchbox")
    search.fill(name)
    search.press("Enter")
    expect(page).to_have_url(re.compile("search="))
    _cards(page, name).first.click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    _put_into_cart(page, sku, check)
    page.goto("/cart")
    check(page)
    page.goto("/checkout")
    check(page)
    _fill_in_address(page)
    page.get_by_role("button", name="Order now").click()
    expect(page.get_by_text("Thank you!")).to_be_visible()
    check(page)
    assert front.stock(sku) == 3
    page.get_by_role("link", name="Your orders").first.click()
    expect(page).to_have_url(re.compile("/my/orders$"))
    check(page)
    page.get_by_role("link", name=re.compile("TC-")).first.click()
    page.get_by_role("link", name=re.compile("Cancel this order")).click()
    check(page)
    page.get_by_role("button", name=re.compile("cancel", re.IGNORECASE)).click()
    expect(page.get_by_text("The order is cancelled.")).to_be_visible()
    check(page)
    assert front.stock(sku) == 4


def test_the_journey_works_and_every_page_is_accessible(
    open_page: Open, size: dict[str, Any], front: Shop, accessible: Check
) -> None:
    _journey(open_page(**size), front, accessible)


def test_the_journey_works_without_javascript(open_page: Open, size: dict[str, Any], front: Shop) -> None:
    _journey(open_page(**size, java_script_enabled=False), front, _unchecked)


@pytest.mark.parametrize("path", ["/account/login", "/account/register", "/?search=nothing-has-this-name", "/cart"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_without_a_journey_are_accessible_too(
    open_page: Open, size: dict[str, Any], accessible: Check, path: str, scheme: str
) -> None:
    page = open_page(**size, color_scheme=scheme)
    page.goto(path)
    accessible(page)


def test_nothing_is_wider_than_a_phone(open_page: Open, front: Shop) -> None:
    page = open_page(viewport={"width": 320, "height": 700})
    sku = front.make_product(name="Extraordinarily" * 12)["sku"]
    for path in ("/", f"/p/{sku}", "/cart", "/account/login"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_going_back_keeps_the_filters(open_page: Open, front: Shop) -> None:
    word = "w" + secrets.token_hex(4)
    for n in range(3):
        front.make_product(name=f"Lamp {n} {word}", price=f"{n + 1}.00")
    page = open_page()
    page.goto(f"/?search={word}&ordering=-price&price_max=2.50")
    first = _cards(page, word).first
    said = first.inner_text()
    first.click()
    expect(page).to_have_url(re.compile("/p/"))
    page.go_back()
    expect(page).to_have_url(re.compile(f"search={word}"))
    expect(page.get_by_role("searchbox")).to_have_value(word)
    expect(page.locator("#ordering")).to_have_value("-price")
    expect(page.locator("#price_max")).to_have_value("2.50")
    assert _cards(page, word).first.inner_text() == said


def test_filters_typed_into_the_page_are_in_its_address(open_page: Open, front: Shop) -> None:
    word = "w" + secrets.token_hex(4)
    front.make_product(name=f"Lamp {word}", stock=0)
    front.make_product(name=f"Lantern {word}", stock=1)
    page = open_page()
    page.goto("/")
    page.get_by_role("searchbox").fill(word)
    expect(page).to_have_url(re.compile(f"search={word}"))
    expect(_cards(page, word)).to_have_count(2)
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value(word)


def test_a_double_click_buys_once(open_page: Open, front: Shop) -> None:
    sku = front.make_product(stock=5)["sku"]
    page = open_page()
    _register(page, _unchecked)
    _put_into_cart(page, sku, _unchecked)
    page.goto("/checkout")
    _fill_in_address(page)
    page.get_by_role("button", name="Order now").dblclick(no_wait_after=True)
    expect(page.get_by_text("Thank you!")).to_be_visible()
    page.goto("/my/orders")
    expect(page.get_by_role("link", name=re.compile("TC-"))).to_have_count(1)
    assert front.stock(sku) == 4
