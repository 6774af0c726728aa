from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.decision import Decision
from gateway.proxy.misdirected import (
    BUDGET_SECONDS,
    HOPS_MAX,
    WAIT_FIRST,
    WAIT_MOST,
    Attempts,
    Pursuit,
    epoch_of,
)

EPOCHS = st.one_of(st.none(), st.integers(0, 8), st.integers(0, 10**18))
SECONDS = st.floats(0, 0.5)
STEPS_MAX = 2000


def pursue(epochs, *, asking: float = 0.0) -> list[float]:
    """Return the waits until it gave up; `epochs` never end, and asking takes so many seconds each time."""
    now = 1000.0
    pursuit = Pursuit(now=now)
    waits: list[float] = []
    for _ in range(STEPS_MAX):
        wait = pursuit.next(next(epochs), now=now)
        if wait is None:
            return waits
        waits.append(wait)
        now += wait + asking
    raise AssertionError("it never gave up")


def for_ever(given_first: list[int | None], then: str):
    yield from given_first
    epoch = max((known for known in given_first if known is not None), default=0)
    while True:
        epoch += then == "rising"
        yield {"silent": None, "unknown": 0}.get(then, epoch)


@given(st.lists(EPOCHS, max_size=200), st.sampled_from(("rising", "same", "silent", "unknown")), SECONDS)
def test_it_ends_whatever_is_answered(epochs, then, asking):
    waits = pursue(for_ever(epochs, then), asking=asking)
    assert all(wait >= 0 for wait in waits)
    # It is two seconds on the clock, and not of waiting alone.
    assert sum(waits) <= BUDGET_SECONDS + 1e-6
    assert sum(wait + asking for wait in waits) <= BUDGET_SECONDS + (HOPS_MAX + 1) * asking + 1e-6
    at_once = 0
    for wait in waits:
        at_once = at_once + 1 if wait == 0 else 0
        assert at_once <= HOPS_MAX


@given(st.lists(st.tuples(EPOCHS, SECONDS), max_size=100))
def test_only_news_is_followed_at_once_and_once_between_two_waits_what_is_not_known(steps):
    now, highest, at_once, referred = 1000.0, 0, 0, False
    pursuit = Pursuit(now=now)
    for epoch, seconds in steps:
        now += seconds
        wait = pursuit.next(epoch, now=now)
        news = epoch is not None and epoch > highest
        unknown = epoch == 0 and not referred
        assert (wait == 0) == ((news or unknown) and at_once < HOPS_MAX)
        if wait is None:
            assert now - 1000.0 >= BUDGET_SECONDS
            break
        if wait == 0:
            highest, referred = max(highest, epoch), referred or not news
            at_once += 1
        else:
            # The last wait ends with the budget.
            assert wait <= WAIT_MOST and (wait >= WAIT_FIRST or now + wait == pytest.approx(1000.0 + BUDGET_SECONDS))
            at_once, referred = 0, False


def test_it_waits_for_the_whole_budget_while_nobody_owns_the_row():
    waits = pursue(for_ever([5], "same"))
    assert sum(waits) == pytest.approx(BUDGET_SECONDS)
    # Few requests, for a component that has trouble already.
    assert len(waits) < 60


@pytest.mark.parametrize("pause", [0.02, 0.05, 0.1, 0.2])
def test_an_owner_that_comes_back_soon_is_found_soon(pause):
    gone_by, waits = 0.0, iter(pursue(for_ever([5], "same"), asking=0.003))
    asked: list[float] = []
    for wait in waits:
        gone_by += wait
        asked.append(gone_by)
        gone_by += 0.003
    # Every other request goes to the side that will own it, at worst.
    for every_other in (asked[::2], asked[1::2]):
        found = next(moment for moment in every_other if moment >= pause)
        assert found - pause <= 0.02 + 0.3 * pause


@pytest.mark.parametrize(
    ("values", "epoch"),
    [
        ([b"7"], 7),
        ([b"0"], 0),
        ([b"007"], 7),
        ([b"9" * 18], 10**18 - 1),
        ([b"9" * 19], None),
        ([], None),
        ([b""], None),
        ([b"-1"], None),
        ([b"+1"], None),
        ([b"1.0"], None),
        ([b"1 "], None),
        ([b"0x1"], None),
        ([b"1_0"], None),
        ([b"\xb2"], None),
        (["٣".encode()], None),
        ([b"7", b"7"], None),
        ([b"7, 8"], None),
    ],
)
def test_an_odd_epoch_is_none(values, epoch):
    assert epoch_of([(b"x", b"1"), *((b"techcommerce-epoch", value) for value in values)]) == epoch


@given(st.lists(st.tuples(st.sampled_from((b"techcommerce-epoch", b"x")), st.binary(max_size=30)), max_size=3))
def test_no_bytes_upset_it(headers):
    epoch = epoch_of(headers)
    assert epoch is None or 0 <= epoch < 10**18


# Attempts.


def decision(*, fallback: bool = False) -> Decision:
    return Decision(
        side="service",
        upstream="orders",
        reason="toggle",
        other="legacy",
        fallback="legacy" if fallback else None,
        mirror=None,
        owners=MappingProxyType({"products": "service", "orders": "service"}),
        sticky=False,
    )


OTHER = {"orders": "legacy", "legacy": "orders"}
EVENTS = st.lists(st.one_of(st.just("no answer"), EPOCHS), max_size=60)


def attempted(attempts: Attempts, events):
    """Yield each attempt as (target, with position, referred), with what came of it, until there is no other."""
    now = 1000.0
    for event in events:
        yield attempts.target, attempts.with_position, attempts.referred, event
        if event == "no answer":
            if not attempts.unanswered():
                return
        else:
            wait = attempts.misdirected(event, now=now)
            if wait is None:
                return
            now += wait + 0.001


@given(EVENTS, st.booleans(), st.booleans())
def test_nobody_is_asked_again_who_gave_no_answer(events, fallback, with_position):
    dead = set()
    for target, _, _, event in attempted(Attempts(decision(fallback=fallback), with_position=with_position), events):
        assert target not in dead
        if event == "no answer":
            dead.add(target)


@given(EVENTS)
def test_a_write_goes_where_a_421_says_and_nowhere_for_want_of_an_answer(events):
    told = list(attempted(Attempts(decision(), with_position=False), events))
    assert all(event != "no answer" for *_, event in told[:-1])
    for (target, *_), (following, _, referred, _), (*_, event) in zip(told, told[1:], told, strict=False):
        assert following == OTHER[target]
        assert referred == (event == 0)


@given(EVENTS, st.booleans())
def test_a_position_is_dropped_once_and_only_for_want_of_another_answer(events, fallback):
    told = list(attempted(Attempts(decision(fallback=fallback), with_position=True), events))
    carried = [with_position for _, with_position, _, _ in told]
    assert carried == sorted(carried, reverse=True)
    if False in carried:
        # Somebody has sent it away for its position, or has had the chance to.
        before = told[: carried.index(False)]
        assert any(event != "no answer" for *_, event in before)


@given(st.lists(EPOCHS, min_size=1, max_size=3))
def test_the_side_that_was_behind_answers_when_the_owner_does_not(epochs):
    attempts = Attempts(decision(), with_position=True)
    for epoch in epochs:
        assert attempts.misdirected(epoch, now=0.0) is not None
    behind = OTHER[attempts.target]
    assert attempts.unanswered()
    assert (attempts.target, attempts.with_position, attempts.referred) == (behind, False, False)
    assert not attempts.unanswered()


def test_the_side_that_is_left_is_asked_again_at_once_when_it_is_behind():
    attempts = Attempts(decision(fallback=True), with_position=True)
    assert attempts.unanswered()
    assert (attempts.target, attempts.with_position) == ("legacy", True)
    assert attempts.misdirected(3, now=0.0) == 0.0
    assert (attempts.target, attempts.with_position) == ("legacy", False)
    assert attempts.misdirected(3, now=0.0) is None


def test_a_read_that_both_sides_keep_sending_away_is_answered_as_it_would_be_without_a_position():
    attempts, now = Attempts(decision(), with_position=True), 0.0
    while attempts.with_position:
        wait = attempts.misdirected(5, now=now)
        assert wait is not None
        now += wait
    assert attempts.target == "orders"
    assert now == pytest.approx(BUDGET_SECONDS)
    assert attempts.misdirected(5, now=now) is None
