"""Who is in, and stays in."""

from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.buckets import BUCKETS, bucket, buckets_of, percent_of

# What PostgreSQL can hold as text.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
COUNTS = st.integers(0, BUCKETS)


@given(TEXTS, TEXTS)
def test_it_is_the_top_ten_bits_of_the_hash(salt: str, key: str) -> None:
    digest = hashlib.sha256(f"{salt}:{key}".encode()).digest()
    assert bucket(salt=salt, key=key) == int.from_bytes(digest, "big") >> 246


@given(TEXTS, TEXTS, COUNTS, COUNTS)
def test_raising_moves_nobody_out(salt: str, key: str, one: int, another: int) -> None:
    fewer, more = sorted((one, another))
    found = bucket(salt=salt, key=key)
    assert not (found < fewer and not found < more)


@given(st.lists(TEXTS, min_size=2, max_size=40, unique=True), TEXTS)
def test_lowering_sends_the_last_in_out_first(keys: list[str], salt: str) -> None:
    came_in = [key for n in range(BUCKETS + 1) for key in keys if bucket(salt=salt, key=key) == n - 1]
    went_out = [key for n in range(BUCKETS, -1, -1) for key in reversed(keys) if bucket(salt=salt, key=key) == n]
    assert went_out == came_in[::-1]
    assert len(came_in) == len(keys)


def test_buckets_are_about_equally_full() -> None:
    found = Counter(bucket(salt="s", key=f"visitor-{n}") for n in range(100 * BUCKETS))
    assert len(found) == BUCKETS
    # The mean of 1,023 degrees of freedom is 1,023, its deviation 45.
    squares = sum((count - 100) ** 2 / 100 for count in found.values())
    assert 1023 - 5 * 45 < squares < 1023 + 5 * 45


def test_another_salt_deals_out_anew() -> None:
    keys = [f"visitor-{n}" for n in range(20_000)]
    both = sum(bucket(salt="a", key=key) < 512 and bucket(salt="b", key=key) < 512 for key in keys)
    assert 4_600 < both < 5_400


@pytest.mark.django_db
def test_postgresql_says_the_same() -> None:
    statement = """
        SELECT (get_byte(h, 0) << 2) | (get_byte(h, 1) >> 6)
        FROM (SELECT sha256(convert_to(%s || ':' || %s, 'UTF8')) AS h) AS hashed
    """
    with connection.cursor() as cursor:
        for key in ("", "7", "ключ", "a:b"):
            cursor.execute(statement, ["salt", key])
            assert cursor.fetchone() == (bucket(salt="salt", key=key),)


@given(COUNTS)
def test_a_percentage_on_the_page_is_read_back_as_the_same_buckets(buckets: int) -> None:
    assert buckets_of(percent_of(buckets)) == buckets


@given(st.decimals(0, 100, places=2))
def test_something_is_not_nothing_and_less_than_all_is_not_all(percent: Decimal) -> None:
    assert (buckets_of(percent) == 0) == (percent == 0)
    assert (buckets_of(percent) == BUCKETS) == (percent == 100)


@pytest.mark.parametrize(("percent", "buckets"), [(25, 256), (0.01, 1), (99.99, 1023), (50, 512), (10, 102)])
def test_percentages_are_rounded_to_the_nearest_bucket(percent: float, buckets: int) -> None:
    assert buckets_of(percent) == buckets


@pytest.mark.parametrize("percent", [-1, 100.5, Decimal("NaN")])
def test_what_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        buckets_of(percent)


def test_percentages_read_well() -> None:
    assert [str(percent_of(n)) for n in (0, 1, 256, 1023, 1024)] == ["0", "0.1", "25", "99.9", "100"]
