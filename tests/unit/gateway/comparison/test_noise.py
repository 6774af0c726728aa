from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.comparison.noise import judge, mcnemar

counts = st.integers(0, 200)


@settings(deadline=None)
@given(counts, counts)
def test_the_test_is_exact(candidate, control):
    coins = candidate + control
    exact = Fraction(sum(comb(coins, heads) for heads in range(candidate, coins + 1)), 2**coins)
    assert mcnemar(candidate, control) == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize(
    ("candidate", "control", "p"),
    [
        (0, 0, 1.0),
        (5, 0, 0.03125),
        (10, 2, 79 / 4096),
        (6, 16, 1 - 35443 / 2**22),
        # Agresti's approval ratings: 3.716e-05 two-sided.
        (150, 86, 3.716e-05 / 2),
    ],
)
def test_known_values(candidate, control, p):
    assert mcnemar(candidate, control) == pytest.approx(p, rel=1e-3 if candidate > 100 else 1e-12)


@pytest.mark.parametrize("size", [10**6, 10**9])
def test_large_counts_are_weighed_at_once(size):
    assert mcnemar(size, size) == pytest.approx(0.5, abs=1e-3)
    assert mcnemar(2 * size, size) < 1e-300
    assert mcnemar(size, 2 * size) == pytest.approx(1.0)


def test_a_field_that_only_the_candidate_changes_is_a_difference():
    assert judge(only_candidate=7, only_control=0, both=0).verdict == "difference"


def test_a_field_that_differs_as_often_from_itself_is_noise():
    assert judge(only_candidate=12, only_control=10, both=30).verdict == "noise"
    assert judge(only_candidate=0, only_control=0, both=5).verdict == "noise"


def test_a_noisy_field_that_the_candidate_changes_more_often_is_a_difference():
    assert judge(only_candidate=30, only_control=8, both=30).verdict == "difference"


@pytest.mark.parametrize("sample", [(0, 0, 0), (6, 0, 0), (3, 2, 2)])
def test_nothing_is_said_of_a_small_sample(sample):
    only_candidate, only_control, both = sample
    assert judge(only_candidate=only_candidate, only_control=only_control, both=both).verdict == "too few"
