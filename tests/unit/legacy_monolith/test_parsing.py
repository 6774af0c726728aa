"""legacy_monolith.parsing"""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_monolith import parsing
from legacy_monolith.parsing import Fields, Malformed, Refused
from services.chassis.problems import Problem

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
READERS = [
    parsing.mapping,
    parsing.string,
    parsing.text(most=5),
    parsing.text(most=5, blank=True),
    parsing.one_of(("a", "b")),
    parsing.integer(least=1, most=9),
    parsing.digits(least=1),
    parsing.amount(least=Decimal("0.01"), most=Decimal(9)),
]


def refusal(reader: Any, value: object) -> str | None:
    try:
        reader(value)
    except Refused as refused:
        return refused.code
    return None


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON))
def test_it_reads_what_json_writes(value: dict[str, Any]) -> None:
    numbers_bounded = parsing.json_object(json.dumps(value).encode())
    assert numbers_bounded.keys() == value.keys()


@given(st.binary())
def test_it_never_fails_on_bytes_but_says_malformed(body: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(parsing.json_object(body), dict)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"1", b'"x"', b"{", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":"\xff"}', b"\xef\xbb\xbf{}"],
)
def test_it_refuses_what_is_not_one_json_object(body: bytes) -> None:
    with pytest.raises(Malformed):
        parsing.json_object(body)


def test_it_refuses_nesting_without_end() -> None:
    with pytest.raises(Malformed):
        parsing.json_object(b'{"a":' * 100_000)


def test_it_reads_integers_longer_than_python_wants_to() -> None:
    found = parsing.json_object(b'{"a": ' + b"9" * 10_000 + b', "b": -' + b"9" * 10_000 + b"}")
    assert refusal(parsing.integer(least=0, most=5), found["a"]) == "too_large"
    assert refusal(parsing.integer(least=0, most=5), found["b"]) == "too_small"


@given(JSON, st.sampled_from(READERS))
def test_readers_take_any_json_and_either_answer_or_refuse(value: Any, reader: Any) -> None:
    assert refusal(reader, value) in {None, "invalid", "null", "blank", "too_long", "too_small", "too_large"}


@pytest.mark.parametrize("value", [True, False, "3", 3.0, None, [], {}])
def test_only_an_integer_is_an_integer(value: object) -> None:
    assert refusal(parsing.integer(least=0), value) in {"invalid", "null"}


@pytest.mark.parametrize("value", ["a\x00b", "\ud800"])
def test_text_that_no_database_holds_is_invalid(value: str) -> None:
    assert refusal(parsing.text(most=9), value) == "invalid"
    assert refusal(parsing.string, value) == "invalid"


@given(st.integers())
def test_digits_read_back_what_python_writes(number: int) -> None:
    reader = parsing.digits(least=-(10**30), most=10**30)
    if abs(number) < 10**30:
        assert reader(str(number)) == number


@pytest.mark.parametrize("raw", ["", "x", "1.0", "１", " 1", "+1", "1e3", "--1", "0x1"])
def test_other_spellings_are_no_digits(raw: str) -> None:
    assert refusal(parsing.digits(least=0), raw) == "invalid"


@pytest.mark.parametrize("raw", ["0" * 9000 + "7", "7"])
def test_leading_zeros_do_not_matter(raw: str) -> None:
    assert parsing.digits(least=1, most=9)(raw) == 7


def test_a_page_of_ten_to_the_power_of_ten_thousand_is_just_large() -> None:
    assert parsing.digits(least=1)("1" + "0" * 10_000) >= 10**30


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1.005", "invalid"),
        ("-1", "invalid"),
        ("1,5", "invalid"),
        ("1.", "invalid"),
        (".5", "invalid"),
        ("NaN", "invalid"),
        (1.5, "invalid"),
        ("0.00", "too_small"),
        ("9.01", "too_large"),
        ("9.00", None),
        ("0.01", None),
        ("5", None),
    ],
)
def test_amounts_are_decimal_strings_of_two_places(value: object, code: str | None) -> None:
    assert refusal(parsing.amount(least=Decimal("0.01"), most=Decimal(9)), value) == code


def test_white_space_alone_is_blank_and_trimming_comes_before_measuring() -> None:
    assert refusal(parsing.text(most=3), "   ") == "blank"
    assert parsing.text(most=3, trim=True)("  abc  ") == "abc"
    assert refusal(parsing.text(most=3), "  abc") == "too_long"
    assert parsing.text(most=3, blank=True)("") == ""


def test_errors_come_in_the_order_of_the_questions_one_for_each_field() -> None:
    fields = Fields({"b": None, "c": "toolong", "d": 1})
    fields.read("a", parsing.string)
    fields.read("b", parsing.string)
    fields.read("c", parsing.text(most=3))
    fields.read("d", parsing.integer(least=0))
    fields.read("e", parsing.string, "default")
    with pytest.raises(Problem) as caught:
        fields.finish()
    assert caught.value.as_json()["errors"] == [
        {"pointer": "/a", "code": "required", "detail": "This field is required."},
        {"pointer": "/b", "code": "null", "detail": "This field may not be null."},
        {"pointer": "/c", "code": "too_long", "detail": "At most 3 characters."},
    ]


def test_of_a_repeated_parameter_the_last_counts_and_an_empty_one_is_absent() -> None:
    fields = Fields.of_query(parsing.query("a=1&a=2&b=&c"))
    assert fields.read("a", parsing.string) == "2"
    assert fields.read("b", parsing.string, "absent") == "absent"
    assert "c" not in fields
