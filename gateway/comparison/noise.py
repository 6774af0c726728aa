"""Whether a field differs because the candidate is wrong, or because it differs anyway. Pure: no I/O.

A sample of requests is drawn beforehand, whatever came of it, and there the primary is asked a second time. So every
request of the sample says two things of a field: does the candidate differ from the primary, and does the primary
differ from itself. These are pairs, and McNemar's test is the one for pairs: where the two agree nothing is learnt, and
of the requests where only one of them differs, a candidate that is as good as the primary gets half. The test is
exact (binomial) and one-sided.

Comparing two rates instead would need far more requests: fields that are noisy are noisy together.

Somebody who looks again and again will see a noisy field cross the line now and then. That errs on the safe side: it
calls noise a difference, not the other way round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["difference", "noise", "too few"]

SIGNIFICANT: Final = 0.01
CONTROL_LEAST: Final = 5
"""How often the primary must have differed from itself before anything is called noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is to be thought of a field."""

    verdict: Verdict
    p_value: float
    """How likely so lopsided a sample is if the candidate is as good as the primary itself; 1.0 without a sample."""


def judge(*, only_candidate: int, only_control: int, both: int) -> Judged:
    """Return the verdict on a field, from the requests of the sample where either or both answers differed in it."""
    p_value = mcnemar(only_candidate, only_control)
    if p_value < SIGNIFICANT:
        return Judged(verdict="difference", p_value=p_value)
    if only_control + both >= CONTROL_LEAST:
        return Judged(verdict="noise", p_value=p_value)
    return Judged(verdict="too few", p_value=p_value)


def mcnemar(only_candidate: int, only_control: int) -> float:
    """Return the probability of at least so many heads as `only_candidate`, of as many fair coins as both together."""
    coins = only_candidate + only_control
    if 2 * only_candidate <= coins:
        # The other tail is the short one.
        return 1.0 if only_candidate == 0 else 1.0 - _tail(coins, only_control + 1)
    return _tail(coins, only_candidate)


def _tail(coins: int, least: int) -> float:
    """Return P(X >= least) for X ~ Binomial(coins, 1/2), where `least` is above half of the coins."""
    log_term = math.lgamma(coins + 1) - math.lgamma(least + 1) - math.lgamma(coins - least + 1) - coins * math.log(2)
    total = share = 1.0
    for heads in range(least, coins):
        share *= (coins - heads) / (heads + 1)
        total += share
        # The terms fall faster than geometrically from here on.
        if share < total * 1e-17:
            break
    return min(1.0, math.exp(log_term) * total)
