"""The breaker over any history of answers, failures, clients who leave and time; and the budget for retries."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.proxy.breaker import (
    FAILED_SHARE,
    OPEN_SECONDS,
    OPEN_SECONDS_MAX,
    VOLUME_MIN,
    WINDOW_SECONDS,
    Breaker,
)

OUTCOMES = st.sampled_from(("succeeded", "failed", "withdrawn"))
SPANS = st.one_of(
    st.floats(0, 0.2),
    st.floats(0, 20),
    st.sampled_from((OPEN_SECONDS, OPEN_SECONDS_MAX, WINDOW_SECONDS / 2, WINDOW_SECONDS, 2 * WINDOW_SECONDS)),
)


class Histories(RuleBasedStateMachine):
    """One request at a time is asked and reported; several at once are in the tests below."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 1000.0
        self.reports: list[tuple[float, bool]] = []
        """When, and whether it failed: since it was closed last."""
        self.opened_at = 0.0
        self.pause = OPEN_SECONDS
        self.probing_since: float | None = None

    @rule(span=SPANS)
    def wait(self, span):
        self.now += span

    @precondition(lambda self: self.breaker.state == "closed")
    @rule(outcome=OUTCOMES)
    def ask_while_closed(self, outcome):
        assert self.breaker.allows(self.now)
        self._report_while_closed(outcome)

    @precondition(lambda self: self.breaker.state == "closed")
    @rule(times=st.integers(1, 40), failures=st.integers(0, 40))
    def ask_many_while_closed(self, times, failures):
        for number in range(times):
            if self.breaker.state == "closed":
                self._report_while_closed("failed" if number < failures else "succeeded")

    def _report_while_closed(self, outcome: str) -> None:
        if outcome == "withdrawn":
            self.breaker.withdrawn()
            assert self.breaker.state == "closed"
            return
        self.reports.append((self.now, outcome == "failed"))
        self._tell(outcome)
        # What was reported within half a window counts for certain, what is older than one and a half does not.
        counted = [
            [failed for when, failed in self.reports[first:]]
            for first in range(len(self.reports))
            if self.now - self.reports[first][0] < 1.5 * WINDOW_SECONDS
            and (first == 0 or self.now - self.reports[first - 1][0] >= WINDOW_SECONDS / 2)
        ]
        verdicts = {
            outcome == "failed" and len(some) >= VOLUME_MIN and sum(some) >= FAILED_SHARE * len(some)
            for some in counted
        }
        if self.breaker.state == "open":
            assert True in verdicts
            self.opened_at, self.pause = self.now, OPEN_SECONDS
        else:
            assert False in verdicts

    def _tell(self, outcome: str) -> None:
        if outcome == "withdrawn":
            self.breaker.withdrawn()
        elif outcome == "failed":
            self.breaker.failed(self.now)
        else:
            self.breaker.succeeded(self.now)

    @precondition(lambda self: self.breaker.state == "open")
    @rule()
    def ask_while_open(self):
        over = self.now - self.opened_at >= self.pause
        if not over:
            wait = self.breaker.retry_after(self.now)
            assert wait >= 1
            assert abs(wait - (self.opened_at + self.pause - self.now)) <= 1
        assert self.breaker.allows(self.now) is over
        if over:
            assert self.breaker.state == "half-open"
            self.probing_since = self.now

    @precondition(lambda self: self.breaker.state == "half-open" and self.probing_since is not None)
    @rule()
    def ask_while_probing(self):
        allowed = self.breaker.allows(self.now)
        assert allowed is (self.now - (self.probing_since or 0.0) >= OPEN_SECONDS_MAX)
        if allowed:
            self.probing_since = self.now

    @precondition(lambda self: self.breaker.state == "half-open" and self.probing_since is None)
    @rule()
    def ask_while_nobody_probes(self):
        assert self.breaker.allows(self.now)
        self.probing_since = self.now

    @precondition(lambda self: self.breaker.state == "half-open" and self.probing_since is not None)
    @rule(outcome=OUTCOMES)
    def report_the_probe(self, outcome):
        self._tell(outcome)
        self.probing_since = None
        if outcome == "succeeded":
            assert self.breaker.state == "closed"
            self.reports = [(self.now, False)]
        elif outcome == "failed":
            assert self.breaker.state == "open"
            self.opened_at, self.pause = self.now, min(2 * self.pause, OPEN_SECONDS_MAX)
        else:
            assert self.breaker.state == "half-open"

    @invariant()
    def the_pause_is_bounded(self):
        assert OPEN_SECONDS <= self.pause <= OPEN_SECONDS_MAX


Histories.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestHistories = Histories.TestCase


def opened(*, at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(VOLUME_MIN):
        breaker.failed(at)
    assert breaker.state == "open"
    return breaker


def test_too_few_failures_open_nothing():
    breaker = Breaker()
    for _ in range(VOLUME_MIN - 1):
        breaker.failed(0)
    assert [breaker.state] == ["closed"]
    breaker.failed(0)
    assert [breaker.state] == ["open"]


@pytest.mark.parametrize(("well", "badly", "state"), [(20, 20, "open"), (21, 20, "closed"), (10, 10, "open")])
def test_half_of_the_answers_failing_opens_it(well, badly, state):
    breaker = Breaker()
    for _ in range(well):
        breaker.succeeded(0)
    for _ in range(badly):
        breaker.failed(0)
    assert breaker.state == state


def test_nothing_is_asked_before_the_pause_is_over_then_one_probe_only():
    breaker = opened()
    assert not any(breaker.allows(moment / 100) for moment in range(100))
    assert [breaker.allows(OPEN_SECONDS) for _ in range(50)] == [True] + [False] * 49


def test_each_failed_probe_doubles_the_pause_up_to_the_longest():
    breaker, now = opened(), 0.0
    for pause in (1, 2, 4, 8, 10, 10):
        assert not breaker.allows(now + pause - 0.001)
        now += pause
        assert breaker.allows(now)
        breaker.failed(now)
    assert not breaker.allows(now + OPEN_SECONDS_MAX - 0.001)
    breaker.allows(now + OPEN_SECONDS_MAX)
    breaker.succeeded(now + OPEN_SECONDS_MAX)
    # Once it was back, the next trouble begins from the shortest pause.
    for _ in range(2 * VOLUME_MIN):
        breaker.failed(now + 11)
    assert not breaker.allows(now + 11 + OPEN_SECONDS - 0.001)
    assert breaker.allows(now + 11 + OPEN_SECONDS)


def test_a_probe_whose_client_left_makes_room_for_the_next():
    breaker = opened()
    assert breaker.allows(OPEN_SECONDS)
    breaker.withdrawn()
    assert breaker.state == "half-open"
    assert breaker.allows(OPEN_SECONDS)


def test_a_probe_that_is_never_reported_does_not_keep_it_half_open():
    breaker = opened()
    assert breaker.allows(OPEN_SECONDS)
    assert not breaker.allows(OPEN_SECONDS + OPEN_SECONDS_MAX - 0.001)
    assert breaker.allows(OPEN_SECONDS + OPEN_SECONDS_MAX)


def test_old_failures_are_forgotten():
    breaker = Breaker()
    for _ in range(VOLUME_MIN - 1):
        breaker.failed(0)
    for _ in range(VOLUME_MIN - 1):
        breaker.failed(2 * WINDOW_SECONDS)
    assert breaker.state == "closed"


def test_answers_that_come_while_it_is_open_do_not_close_it():
    breaker = opened()
    breaker.succeeded(0.5)
    breaker.withdrawn()
    breaker.failed(0.5)
    assert (breaker.state, breaker.allows(0.9), breaker.allows(OPEN_SECONDS)) == ("open", False, True)
