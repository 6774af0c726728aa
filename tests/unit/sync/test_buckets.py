"""services.sync.buckets"""

from __future__ import annotations

from decimal import Decimal
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.buckets import in_batches, of_percent, parse, prefix, spell, toggled
from services.sync.mapping.capabilities import Side

BUCKETS = st.sets(st.integers(0, 1023), min_size=1)
SIDES: tuple[Side, ...] = ("monolith", "service")


@given(BUCKETS)
def test_what_is_spelled_is_parsed(buckets: set[int]) -> None:
    assert parse(spell(buckets), count=1024) == sorted(buckets)


def test_is_written_as_people_write_it() -> None:
    assert parse("0-3, 200,2-4", count=1024) == [0, 1, 2, 3, 4, 200]
    assert spell([200, 0, 1, 2, 4]) == "0-2,4,200"
    assert spell([]) == "none"


@pytest.mark.parametrize("text", ["", "x", "1-", "-1", "3-1", "1024", "0-1024", "1,,2", "1-2-3", "²"])
def test_names_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no buckets"):
        parse(text, count=1024)


@given(st.decimals(0, 100, places=2), st.decimals(0, 100, places=2))
def test_a_larger_share_is_never_fewer_buckets(one: Decimal, two: Decimal) -> None:
    less, more = sorted([one, two])
    assert 0 <= of_percent(less, count=1024) <= of_percent(more, count=1024) <= 1024
    assert (of_percent(less, count=1024) == 0) == (less == 0)
    assert (of_percent(more, count=1024) == 1024) == (more == 100)


def test_what_is_owned_as_a_whole_has_no_shares() -> None:
    assert [of_percent(Decimal(percent), count=1) for percent in (0, 100)] == [0, 1]
    with pytest.raises(ValueError, match="owned as a whole"):
        of_percent(Decimal(50), count=1)
    for percent in (-1, 101):
        with pytest.raises(ValueError, match="no percentage"):
            of_percent(Decimal(percent), count=1024)


@given(BUCKETS)
def test_the_prefix_ends_at_the_first_gap(buckets: set[int]) -> None:
    length = prefix(buckets)
    assert set(range(length)) <= buckets and length not in buckets


def test_a_toggle_counts_in_1024_whatever_there_is() -> None:
    assert [toggled(owned, count=1) for owned in ([], [0])] == [0, 1024]
    assert toggled(range(7), count=1024) == 7


@given(BUCKETS, st.integers(1, 200))
def test_batches_hold_every_bucket_once_and_those_that_went_first_come_back_last(buckets: set[int], size: int) -> None:
    for to in SIDES:
        batches = in_batches(buckets, to=to, size=size)
        assert sorted(chain.from_iterable(batches)) == sorted(buckets)
        assert all(list(batch) == sorted(batch) and 1 <= len(batch) <= size for batch in batches)
        for first, then in pairwise(batches):
            assert max(first) < min(then) if to == "service" else min(first) > max(then)
