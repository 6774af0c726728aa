"""services.sync.keys"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.keys import EPOCH, KEY_MAX, uuid7

# hypothesis wants the bounds without a zone.
FIRST, LAST = datetime(1970, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001
MOMENTS = st.datetimes(min_value=FIRST, max_value=LAST, timezones=st.just(UTC))
KEYS = st.integers(0, KEY_MAX)


@given(MOMENTS, KEYS)
def test_it_makes_uuids_of_version_7_that_begin_with_the_moment(created: datetime, key: int) -> None:
    made = uuid7(created, key)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert EPOCH + timedelta(milliseconds=made.int >> 80) <= created
    assert created - (EPOCH + timedelta(milliseconds=made.int >> 80)) < timedelta(milliseconds=1)


@given(MOMENTS, KEYS, MOMENTS, KEYS)
def test_they_sort_as_the_rows_do(one: datetime, first: int, two: datetime, second: int) -> None:
    """Being in the same order, they are also different for different rows and the same for the same one."""
    assert (uuid7(one, first) < uuid7(two, second)) == ((one, first) < (two, second))
    assert (uuid7(one, first) == uuid7(two, second)) == ((one, first) == (two, second))


@given(MOMENTS, KEYS, KEYS)
def test_rows_of_one_moment_have_different_ones(created: datetime, one: int, two: int) -> None:
    assert (uuid7(created, one) == uuid7(created, two)) == (one == two)


@pytest.mark.parametrize(
    ("created", "key"), [(EPOCH - timedelta(microseconds=1), 1), (EPOCH, -1), (EPOCH, KEY_MAX + 1)]
)
def test_what_does_not_fit_is_refused(created: datetime, key: int) -> None:
    with pytest.raises(ValueError, match="no UUIDv7"):
        uuid7(created, key)
