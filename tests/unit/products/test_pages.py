"""`services.chassis.drf.pages`: the envelope of lists."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.drf import pages
from services.chassis.problems import Problem

counts = st.integers(0, 10**9)
sizes = st.integers(1, 100)


@given(counts, sizes)
def test_pages_hold_every_row_and_no_page_but_the_first_is_empty(count: int, size: int) -> None:
    number = pages.pages_of(count=count, page_size=size)
    assert number * size >= count
    assert number == 1 or (number - 1) * size < count


@given(counts, sizes, st.integers(1, 10**40))
def test_a_page_begins_within_the_rows_or_is_refused(count: int, size: int, page: int) -> None:
    if page > 1 and (page - 1) * size >= count:
        with pytest.raises(Problem, match="no-such-page"):
            pages.offset(count=count, page=page, page_size=size)
    else:
        assert pages.offset(count=count, page=page, page_size=size) == (page - 1) * size


@given(st.dictionaries(st.text(), st.text()), st.integers(1, 20))
def test_links_repeat_the_requests_parameters_and_change_only_the_page(query: dict[str, str], page: int) -> None:
    answer = pages.envelope(path="/things", query=query, count=200, page=page, page_size=10, results=[])
    for name, to in (("next", page + 1), ("previous", page - 1)):
        link = answer[name]
        if not 1 <= to <= 20:
            assert link is None
            continue
        parts = urlsplit(link)
        found = parse_qsl(parts.query, keep_blank_values=True)
        assert parts.path == "/things"
        assert dict(found) == {**query, "page": str(to)}
        assert [name for name, _ in found] == sorted(name for name, _ in found)


def test_the_members_come_in_the_contracts_order() -> None:
    answer = pages.envelope(path="/x", query={}, count=0, page=1, page_size=20, results=[])
    assert list(answer) == ["count", "page", "page_size", "pages", "next", "previous", "results"]
    assert answer["pages"] == 1


def test_a_page_past_the_last_is_no_such_page() -> None:
    with pytest.raises(Problem, match="no-such-page"):
        pages.offset(count=20, page=2, page_size=20)
