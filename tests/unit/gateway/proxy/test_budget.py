from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.budget import MOST, RESERVE, SHARE, RetryBudget


@given(st.lists(st.booleans(), max_size=600))
def test_retries_are_a_fifth_of_the_requests_and_the_reserve_at_most(asked):
    budget, requests, retries = RetryBudget(), 0, 0
    for request in asked:
        if request:
            budget.request()
            requests += 1
        else:
            allowed = budget.retry()
            retries += allowed
            # Nor is one refused that is there, but for what floating point leaves.
            assert allowed or RESERVE + SHARE * requests - retries < 1 + 1e-6
        assert retries <= RESERVE + SHARE * requests + 1e-6


@given(st.integers(0, 3000), st.integers(0, 300))
def test_what_was_not_needed_in_quiet_times_is_saved_up_to_a_bound(requests, wanted):
    budget = RetryBudget()
    for _ in range(requests):
        budget.request()
    assert sum(budget.retry() for _ in range(wanted)) <= min(MOST, RESERVE + SHARE * requests + 1e-6)


def test_a_storm_of_retries_settles_at_a_fifth():
    budget = RetryBudget()
    retries = 0
    for _ in range(10_000):
        budget.request()
        retries += budget.retry()
    assert abs(retries - (RESERVE + SHARE * 10_000)) <= 2
