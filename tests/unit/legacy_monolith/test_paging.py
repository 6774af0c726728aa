"""legacy_monolith.paging"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_monolith.paging import Paging, envelope
from services.chassis.problems import Problem


@given(st.integers(0, 500), st.integers(1, 100))
def test_the_pages_hold_everything_once(count: int, size: int) -> None:
    seen: list[int] = []
    for page in range(1, Paging(1, size).pages(count) + 1):
        first, end = Paging(page, size).bounds(count)
        seen += range(count)[first:end]
    assert seen == list(range(count))


@given(st.integers(0, 500), st.integers(1, 100), st.integers(1))
def test_past_the_last_page_there_is_none(count: int, size: int, further: int) -> None:
    with pytest.raises(Problem, match="no-such-page"):
        Paging(Paging(1, size).pages(count) + further, size).bounds(count)


def shown(page: int, /, **parameters: str) -> dict[str, object]:
    return envelope(path="/products", parameters=parameters, paging=Paging(page, 10), count=25, results=[])


def test_links_repeat_the_requests_own_parameters_in_alphabetical_order() -> None:
    answer = shown(2, search="a b&c", page="2", category="x")
    assert answer["next"] == "/products?category=x&page=3&search=a+b%26c"
    assert answer["previous"] == "/products?category=x&page=1&search=a+b%26c"


def test_the_first_and_the_last_page_have_one_neighbour() -> None:
    assert shown(1)["previous"] is None
    assert shown(1)["next"] == "/products?page=2"
    assert shown(3)["next"] is None


def test_an_empty_list_has_one_page() -> None:
    assert envelope(path="/x", parameters={}, paging=Paging(1, 20), count=0, results=[]) == {
        "count": 0,
        "page": 1,
        "page_size": 20,
        "pages": 1,
        "next": None,
        "previous": None,
        "results": [],
    }
