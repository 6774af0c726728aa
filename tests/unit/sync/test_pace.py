"""services.sync.pace"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.pace import BUSY, PAUSE_MAX, Pace

CHUNKS = st.lists(st.tuples(st.integers(0, 10_000), st.floats(0.001, 10), st.integers(0, 50)), max_size=20)


def _after(pace: Pace, rows: int, seconds: float, *, active: int = 0, elapsed: float = 0.0) -> float:
    return pace.pause(rows=rows, seconds=seconds, active=active, elapsed=elapsed)


def test_a_source_at_rest_is_read_without_a_pause():
    pace = Pace()
    assert [_after(pace, 1000, 0.1) for _ in range(5)] == [0.0] * 5


def test_a_source_where_many_work_is_read_a_quarter_of_the_time():
    assert _after(Pace(), 1000, 0.1, active=BUSY) == 0.0
    assert _after(Pace(), 1000, 0.1, active=BUSY + 1) == pytest.approx(0.3)


def test_a_read_that_took_longer_than_reads_so_far_is_followed_by_as_long_a_pause():
    pace = Pace()
    assert [_after(pace, 1000, 0.1) for _ in range(3)] == [0.0] * 3
    assert _after(pace, 1000, 0.5) == pytest.approx(0.5)
    # It is the time per row that counts.
    assert _after(pace, 10_000, 1.0) == 0.0


def test_a_rate_is_kept_to():
    pace = Pace(rate=1000)
    assert _after(pace, 500, 0.1, elapsed=0.1) == pytest.approx(0.4)
    assert _after(pace, 500, 0.1, elapsed=3.0) == 0.0


@given(CHUNKS, st.none() | st.integers(1, 100_000))
def test_no_pause_is_longer_than_needed(found: list[tuple[int, float, int]], rate: int | None):
    pace, elapsed = Pace(rate=rate), 0.0
    for rows, seconds, active in found:
        elapsed += seconds
        pause = _after(pace, rows, seconds, active=active, elapsed=elapsed)
        assert 0.0 <= pause <= max(PAUSE_MAX, pace.rows / rate - elapsed if rate else 0.0)
        elapsed += pause
        assert rate is None or pace.rows <= rate * elapsed + 1e-6 * pace.rows + 1e-6
