"""What the mover tells Prometheus.

Everything that a database knows is said as the database said it last, and left out while it cannot be asked: an old
number would look like a good one. Of several movers all say the same of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from services.ownership.schema import BUCKETS
from services.sync.mapping.capabilities import Side
from services.sync.measure import PAUSE_BUCKETS, Control
from services.sync.pulse import Pulse

RELAYED: Final = Counter(
    "techcommerce_sync_relayed", "Changes that this mover has had applied at the other side.", ["capability", "from"]
)
APPLY: Final = Histogram(
    "techcommerce_sync_apply_seconds",
    "From when a relay looked into the outbox until what it found was applied and forgotten.",
    ["capability", "from"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)


def relayed(capability: str, side: Side, *, changes: int, seconds: float) -> None:
    """Keep what one step of a relay did."""
    RELAYED.labels(capability, side).inc(changes)
    APPLY.labels(capability, side).observe(seconds)


class Collector:
    """Says, when asked, what the loops have measured last."""

    def __init__(
        self,
        pulses: Sequence[Pulse],
        control: Callable[[], Control | None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pulses = pulses
        self._control = control
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._relays()
        yield self._owners()
        control = self._control()
        if control is not None:
            yield from self._reconciled(control)
            yield from self._moves(control)

    def _relays(self) -> Iterator[Metric]:
        labels = ["capability", "side"]
        outbox = GaugeMetricFamily(
            "techcommerce_sync_outbox_rows", "Changes of a side that the other has not applied.", labels=labels
        )
        aside = GaugeMetricFamily(
            "techcommerce_sync_set_aside_rows", "Changes of a side that the other could not apply.", labels=labels
        )
        lag = GaugeMetricFamily(
            "techcommerce_sync_lag_seconds",
            "Age of a side's oldest change that only the relay keeps waiting.",
            labels=labels,
        )
        leader = GaugeMetricFamily(
            "techcommerce_sync_leader", "Whether it is this mover that relays a side's changes.", labels=labels
        )
        for pulse in self._pulses:
            named = [pulse.capability, pulse.side]
            leader.add_metric(named, float(pulse.beat.state == "leads"))
            measured = pulse.measured
            if measured is not None:
                outbox.add_metric(named, measured.waiting)
                aside.add_metric(named, measured.set_aside)
                lag.add_metric(named, measured.lag)
        yield from (outbox, aside, lag, leader)

    def _owners(self) -> Metric:
        family = GaugeMetricFamily(
            "techcommerce_ownership_buckets", "Buckets by who accepts writes to them.", labels=["capability", "owner"]
        )
        for capability, count in BUCKETS.items():
            measured = {pulse.side: pulse.measured for pulse in self._pulses if pulse.capability == capability}
            owned = {side: side_measured.own for side, side_measured in measured.items() if side_measured is not None}
            for side, own in owned.items():
                family.add_metric([capability, side], own)
            if len(owned) == len(measured):
                # The two were not counted in one moment.
                family.add_metric([capability, "nobody"], max(0, count - sum(owned.values())))
        return family

    def _reconciled(self, control: Control) -> Iterator[Metric]:
        differences = GaugeMetricFamily(
            "techcommerce_sync_reconcile_differences",
            "Rows that differed between the sides when they were last compared.",
            labels=["capability"],
        )
        age = GaugeMetricFamily(
            "techcommerce_sync_reconcile_age_seconds", "Since the sides were last compared.", labels=["capability"]
        )
        for capability, last in control.reconciled.items():
            differences.add_metric([capability], last.differences)
            age.add_metric([capability], max(0.0, self._clock() - last.at.timestamp()))
        yield from (differences, age)

    def _moves(self, control: Control) -> Iterator[Metric]:
        moves = CounterMetricFamily(
            "techcommerce_cutovers", "Batches of buckets whose move has ended.", labels=["capability", "to", "state"]
        )
        for named, times in control.moves.items():
            moves.add_metric(list(named), times)
        yield moves
        under_way = GaugeMetricFamily(
            "techcommerce_cutover_open_seconds", "Since the move that is open began; 0: none.", labels=["capability"]
        )
        for capability in BUCKETS:
            under_way.add_metric([capability], control.open_seconds.get(capability, 0.0))
        yield under_way
        pause = HistogramMetricFamily(
            "techcommerce_cutover_pause_seconds",
            "For how long nobody accepted writes to a batch of buckets that moved.",
            labels=["capability"],
        )
        bounds = [*map(str, PAUSE_BUCKETS), "+Inf"]
        for capability, pauses in control.pauses.items():
            upto = 0
            cumulative = []
            for bound, times in zip(bounds, pauses.counts, strict=True):
                upto += times
                cumulative.append((bound, float(upto)))
            pause.add_metric([capability], cumulative, sum_value=pauses.total)
        yield pause


def exposition() -> tuple[bytes, str]:
    """Return all metrics of this process, and their content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
