from __future__ import annotations

from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.storefront.query import ORDERINGS, PAGE_LARGEST, CatalogueQuery, page_number, page_window
from services.chassis import contract

NAMES = ["search", "category", "price_min", "price_max", "in_stock", "ordering", "page"]
TEXTS = st.text(max_size=120) | st.sampled_from(
    ["10", "12.50", "£3", "1e5", "true", "-price", "audio", "0", "99999.99"]
)
PARAMETERS = st.dictionaries(st.sampled_from(NAMES), TEXTS)


def parameters_of(href: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(href).query, strict_parsing=bool(urlsplit(href).query)))


@given(PARAMETERS)
def test_its_address_says_all_that_was_understood(parameters):
    query = CatalogueQuery.read(parameters)
    assert CatalogueQuery.read(parameters_of(query.href())) == query


@given(PARAMETERS)
def test_it_asks_the_api_only_for_what_the_contract_allows(parameters):
    asked = CatalogueQuery.read(parameters).for_api()
    assert len(asked.get("search", "")) <= contract.SEARCH_MAX
    assert "\x00" not in asked.get("search", "")
    assert asked.get("ordering", "name") in contract.ORDERINGS
    assert asked.get("in_stock", "true") == "true"
    assert 1 <= int(asked.get("page", "1")) <= PAGE_LARGEST
    for name in ("price_min", "price_max"):
        assert contract.AMOUNT.fullmatch(asked.get(name, "1"))
        assert Decimal(asked.get(name, "1")) <= contract.PRICE_MAX
    if "price_min" in asked and "price_max" in asked:
        assert Decimal(asked["price_min"]) <= Decimal(asked["price_max"])


@given(PARAMETERS)
def test_every_chip_takes_a_filter_away(parameters):
    query = CatalogueQuery.read(parameters)
    chips = query.chips("Category")
    assert bool(chips) == query.filtered
    for words, href in chips:
        assert words
        without = CatalogueQuery.read(parameters_of(href))
        assert len(without.chips("Category")) == len(chips) - 1
        assert without.page == 1


def test_what_goes_without_saying_is_not_said():
    assert CatalogueQuery.read({"search": " ", "ordering": "name", "page": "1", "in_stock": ""}).href() == "/"


def test_what_cannot_be_used_is_noted():
    query = CatalogueQuery.read({"price_min": "cheap", "category": "No Such!", "search": "x" * 101})
    assert len(query.notes) == 3
    assert query.parameters() == {"search": "x" * 100}


def test_prices_the_wrong_way_round_are_turned():
    query = CatalogueQuery.read({"price_min": "20", "price_max": "£ 10.50"})
    assert (query.price_min, query.price_max) == (Decimal("10.50"), Decimal(20))


def test_orderings_are_the_contracts():
    assert tuple(ORDERINGS) == contract.ORDERINGS


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1),
        ("abc", 1),
        ("0", 1),
        ("-3", 1),
        ("²", 1),
        ("٣", 1),
        (" 7 ", 7),
        ("1000000000", 999_999_999),
        ("9" * 5000, 999_999_999),
    ],
)
def test_a_page_is_a_number_however_it_is_written(text, number):
    assert page_number(text) == number


@given(pages=st.integers(1, 10_000), data=st.data())
def test_a_page_window_shows_both_ends_and_skips_only_more_than_one(pages, data):
    number = data.draw(st.integers(1, pages))
    window = page_window(number=number, pages=pages)
    assert (window[0], window[-1]) == (1, pages)
    assert number in window
    assert len(window) <= 7
    for before, gap, after in zip(window, window[1:], window[2:], strict=False):
        if gap is None:
            assert before is not None and after is not None and after - before > 2
    shown = [page for page in window if page is not None]
    assert shown == sorted(set(shown))
