"""services.chassis.deadline"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import deadline


@given(st.integers(0, 999_999_999), st.floats(0, 1e9))
def test_the_milliseconds_count_from_now(milliseconds: int, now: float) -> None:
    assert deadline.told(str(milliseconds), now=now) == now + milliseconds / 1000


@pytest.mark.parametrize("odd", [None, "", "-1", "1.5", "1e3", "²", "9" * 10, " 5"])
def test_an_odd_word_is_none(odd: str | None) -> None:
    assert deadline.told(odd) is None


def _within(ends_at: float | None, asked: Callable[[], float]) -> float:
    def run() -> float:
        deadline.ENDS_AT.set(ends_at)
        return asked()

    return contextvars.Context().run(run)


def test_there_is_never_more_left_than_one_would_wait_anyway() -> None:
    assert _within(None, lambda: deadline.left(10)) == 10
    assert _within(time.monotonic() + 1000, lambda: deadline.left(10)) == 10
    assert 0 < _within(time.monotonic() + 5, lambda: deadline.left(10)) <= 5


def test_nothing_is_left_once_it_is_over() -> None:
    assert _within(time.monotonic() - 1, lambda: deadline.left(10)) == 0
