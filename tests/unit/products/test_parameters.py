"""`services.chassis.drf.parameters`: what a list's query may hold."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import contract
from services.chassis.problems import Problem
from services.products.filters import ProductParameters
from services.products.models import Product

NAMES = ["search", "category", "price_min", "price_max", "in_stock", "sku", "ordering", "page", "page_size"]
values = st.text() | st.integers().map(str) | st.sampled_from(["true", "newest", "1.50", "A,B", "", "\x00", "9" * 5000])


def read(query: str) -> ProductParameters:
    return ProductParameters.read(QueryDict(query), Product.objects.all())


def refused(query: str) -> list[tuple[str, str]]:
    with pytest.raises(Problem) as caught:
        read(query)
    return [(error["parameter"], error["code"]) for error in caught.value.members["errors"]]


@given(st.dictionaries(st.sampled_from(NAMES), values))
def test_whatever_is_asked_is_understood_or_refused_in_the_contracts_order(asked: dict[str, str]) -> None:
    query = QueryDict(mutable=True)
    query.update(asked)
    try:
        found = ProductParameters.read(query, Product.objects.all())
    except Problem as problem:
        named = [error["parameter"] for error in problem.members["errors"]]
        assert named
        assert set(named) <= set(asked)
        assert named == sorted(named, key=NAMES.index)
        assert len(named) == len(set(named))
    else:
        assert found.page >= 1
        assert 1 <= found.page_size <= contract.PAGE_SIZE_MAX
        assert found.qs.query.order_by


@given(st.integers())
def test_integers_are_read_as_they_are_written(number: int) -> None:
    if number >= 1:
        assert min(read(f"page={number}").page, 10**29) == min(number, 10**29)
    else:
        assert refused(f"page={number}") == [("page", "too_small")]


def test_leading_zeros_and_endless_digits_are_numbers_too() -> None:
    assert read("page=007").page == 7
    assert read("page=" + "9" * 100_000).page > 10**20
    assert refused("page=-" + "9" * 100_000) == [("page", "too_small")]
    assert refused("page=-") == [("page", "invalid")]


def test_absent_parameters_have_the_contracts_defaults() -> None:
    found = read("page=&page_size=&search=&colour=red")
    assert (found.page, found.page_size, found.values["search"]) == (1, 20, None)


def test_of_a_repeated_parameter_the_last_counts() -> None:
    assert read("page=x&page=3").page == 3
    assert read("page=3&page=").page == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("search=%00", "invalid"),
        ("category=%00", "invalid"),
        ("price_min=-1", "invalid"),
        ("price_max=100000", "too_large"),
        ("in_stock=True", "invalid"),
        ("ordering=stock", "invalid"),
        ("page=%D9%A3", "invalid"),
        ("page_size=101", "too_large"),
        (f"sku={','.join(['A'] * 101)}", "too_many"),
        (f"search={'x' * 101}", "too_long"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(query: str, code: str) -> None:
    assert refused(query) == [(query.partition("=")[0], code)]
