"""`services.chassis.drf.fields` and `errors`: strict members, and where their errors point."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from services.chassis import contract
from services.chassis.drf.errors import as_problem, field_errors
from services.chassis.drf.fields import Lines, Matching, OneOf, Price, StrictInteger, StrictSerializer, StrictText


class Everything(StrictSerializer):
    sku = Matching(pattern=contract.SKU)
    name = StrictText(limit=5)
    town = StrictText(limit=5, trim=True)
    price = Price()
    count = StrictInteger(min_value=1, max_value=9)
    word = OneOf(choices=("yes", "no"))
    lines = Lines()


GOOD: dict[str, Any] = {
    "sku": "A-1",
    "name": " Ada ",
    "town": " Ryde ",
    "price": {"amount": "1.5", "currency": "GBP"},
    "count": 3,
    "word": "yes",
    "lines": [{"sku": "B", "quantity": 2}, {"sku": "A", "quantity": 1}],
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["A-1", "yes", "GBP", "1.00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["sku", "quantity", "amount", "currency", "x"]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def refused(**members: Any) -> list[tuple[str, str, str]]:
    reader = Everything(data={**GOOD, **members})
    with pytest.raises(ValidationError) as caught:
        reader.is_valid(raise_exception=True)
    found = [error.as_json() for error in field_errors(caught.value.detail)]
    return [(error["pointer"], error["code"], error["detail"]) for error in found]


def test_what_is_right_is_read() -> None:
    reader = Everything(data=GOOD)
    reader.is_valid(raise_exception=True)
    assert reader.validated_data == {
        "sku": "A-1",
        "name": " Ada ",
        "town": "Ryde",
        "price": Decimal("1.5"),
        "count": 3,
        "word": "yes",
        "lines": [("B", 2), ("A", 1)],
    }


@given(st.dictionaries(st.sampled_from(list(GOOD)), json_values))
def test_whatever_is_sent_is_read_or_refused_with_at_most_one_error_for_a_field(members: dict[str, Any]) -> None:
    reader = Everything(data={**GOOD, **members})
    try:
        reader.is_valid(raise_exception=True)
    except ValidationError as error:
        problem = as_problem(error)
        assert problem is not None
        found = [entry["pointer"] for entry in problem.members["errors"]]
        assert found
        assert len(found) == len(set(found))
        tops = [pointer.split("/")[1] for pointer in found]
        assert sorted(tops, key=list(GOOD).index) == tops, "errors come in the order of the fields"
    else:
        assert type(reader.validated_data["count"]) is int
        assert contract.storable(reader.validated_data["name"])


@given(st.integers())
def test_an_integer_is_held_to_its_limits(value: int) -> None:
    if 1 <= value <= 9:
        assert Everything(data={**GOOD, "count": value}).is_valid()
    else:
        expected = ("too_small", "Must be at least 1.") if value < 1 else ("too_large", "Must be at most 9.")
        assert refused(count=value) == [("/count", *expected)]


@pytest.mark.parametrize("value", ["3", True, 3.0, 3.5, float("inf"), [3], {}])
def test_nothing_else_is_an_integer(value: object) -> None:
    assert refused(count=value) == [("/count", "invalid", "Not a valid value.")]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "blank"),
        (" \t", "blank"),
        ("sixsix", "too_long"),
        ("a\x00", "invalid"),
        ("\ud800", "invalid"),
        (5, "invalid"),
        (True, "invalid"),
        (None, "null"),
    ],
)
def test_text_is_refused_by_its_first_fault(value: object, code: str) -> None:
    assert [(where, found) for where, found, _ in refused(name=value)] == [("/name", code)]


def test_limits_are_said_in_the_catalogues_words() -> None:
    assert refused(name="sixsix") == [("/name", "too_long", "At most 5 characters.")]
    assert refused(lines=[{"sku": f"A{n}", "quantity": 1} for n in range(101)]) == [
        ("/lines", "too_many", "At most 100 items.")
    ]
    assert refused(price={"amount": "0.00", "currency": "GBP"}) == [
        ("/price/amount", "too_small", "Must be at least 0.01.")
    ]


def test_both_parts_of_a_price_are_required_also_in_a_partial_change() -> None:
    reader = Everything(data={"price": {"amount": "1.00"}}, partial=True)
    assert not reader.is_valid()
    assert [error.where for error in field_errors(reader.errors)] == ["/price/currency"]


def test_a_sku_that_comes_again_is_a_duplicate_where_it_comes_again() -> None:
    lines = [{"sku": "A", "quantity": 0}, {"sku": "B", "quantity": 1}, {"sku": "A", "quantity": "x"}]
    assert [(where, code) for where, code, _ in refused(lines=lines)] == [
        ("/lines/0/quantity", "too_small"),
        ("/lines/2/sku", "duplicate"),
        ("/lines/2/quantity", "invalid"),
    ]


def test_a_line_that_is_no_object_is_pointed_at_itself() -> None:
    assert [(where, code) for where, code, _ in refused(lines=[None, "A", []])] == [
        ("/lines/0", "null"),
        ("/lines/1", "invalid"),
        ("/lines/2", "invalid"),
    ]
