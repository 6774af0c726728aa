from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.misdirected import BUDGET_SECONDS, HOPS_MAX, Pursuit, epoch_of

EPOCHS = st.one_of(st.none(), st.integers(0, 8), st.integers(0, 10**18))
STEPS_MAX = 1000


def pursue(epochs) -> list[float]:
    """Return the waits until it gave up; `epochs` never end."""
    pursuit = Pursuit()
    waits: list[float] = []
    for _ in range(STEPS_MAX):
        wait = pursuit.next(next(epochs))
        if wait is None:
            return waits
        waits.append(wait)
    raise AssertionError("it never gave up")


def for_ever(given_first: list[int | None], then: str):
    yield from given_first
    epoch = max((known for known in given_first if known is not None), default=0)
    while True:
        epoch += then == "rising"
        yield None if then == "silent" else epoch


@given(st.lists(EPOCHS, max_size=200), st.sampled_from(("rising", "same", "silent")))
def test_it_ends_whatever_is_answered(epochs, then):
    waits = pursue(for_ever(epochs, then))
    assert all(wait >= 0 for wait in waits)
    assert sum(waits) <= BUDGET_SECONDS + 1e-9
    at_once = 0
    for wait in waits:
        at_once = at_once + 1 if wait == 0 else 0
        assert at_once <= HOPS_MAX


@given(st.lists(EPOCHS, max_size=100))
def test_only_a_strictly_higher_epoch_is_followed_at_once(epochs):
    pursuit, highest, at_once = Pursuit(), -1, 0
    for epoch in epochs:
        wait = pursuit.next(epoch)
        news = epoch is not None and epoch > highest
        if news and at_once < HOPS_MAX:
            assert wait == 0
        elif not news:
            assert wait is None or wait > 0
        if wait == 0:
            assert news
            highest = epoch
        at_once = at_once + 1 if wait == 0 else 0
        if wait is None:
            break


def test_it_waits_for_the_whole_budget_while_nobody_owns_the_row():
    assert sum(pursue(for_ever([5], "same"))) == pytest.approx(BUDGET_SECONDS)


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
