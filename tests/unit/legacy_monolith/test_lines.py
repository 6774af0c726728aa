"""legacy_monolith.lines"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_monolith.lines import Line, read_lines
from legacy_monolith.parsing import Fields

LINES = st.lists(
    st.builds(Line, sku=st.from_regex(r"[A-Z0-9][A-Z0-9._-]{0,39}", fullmatch=True), quantity=st.integers(1, 10_000)),
    min_size=1,
    max_size=100,
    unique_by=lambda line: line.sku,
)


def errors(lines: Any) -> list[tuple[str, str]]:
    fields = Fields({"lines": lines})
    read_lines(fields)
    return [(error.where, error.code) for error in fields.errors]


@given(LINES)
def test_it_reads_lines_in_the_order_they_were_sent(lines: list[Line]) -> None:
    fields = Fields({"lines": [{"sku": line.sku, "quantity": line.quantity, "other": 1} for line in lines]})
    assert read_lines(fields) == lines
    assert not fields.errors


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (None, "null"),
        ("x", "invalid"),
        ({}, "invalid"),
        ([], "empty"),
        ([{"sku": "A", "quantity": 1}] * 101, "too_many"),
    ],
)
def test_it_refuses_lists_that_are_none(lines: object, code: str) -> None:
    assert errors(lines) == [("/lines", code)]


def test_it_points_at_every_member_that_cannot_be_used() -> None:
    assert errors(
        [
            {"sku": "a", "quantity": True},
            None,
            7,
            {"sku": "A", "quantity": 0},
            {"sku": "A", "quantity": 10_001},
            {"quantity": None},
        ]
    ) == [
        ("/lines/0/sku", "invalid"),
        ("/lines/0/quantity", "invalid"),
        ("/lines/1", "null"),
        ("/lines/2", "invalid"),
        ("/lines/3/quantity", "too_small"),
        ("/lines/4/sku", "duplicate"),
        ("/lines/4/quantity", "too_large"),
        ("/lines/5/sku", "required"),
        ("/lines/5/quantity", "null"),
    ]


def test_a_missing_list_is_required() -> None:
    fields = Fields({})
    assert read_lines(fields) == []
    assert [(error.where, error.code) for error in fields.errors] == [("/lines", "required")]
