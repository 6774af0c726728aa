"""The mover's records. `services.sync` writes them by SQL; what may not happen to them, the database refuses."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Final

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models

from gateway.routing.table import CAPABILITIES, SIDES

_CAPABILITIES: Final = [(name, name.title()) for name in CAPABILITIES]
_SIDES: Final = [(name, name.title()) for name in SIDES]


class State(models.TextChoices):
    """How far a move has come. Up to `decided` it can only be undone, from there on only be finished."""

    INTENDED = "intended"
    ARMED = "armed"
    FENCED = "fenced"
    DRAINED = "drained"
    DECIDED = "decided"
    OWNED = "owned"
    DONE = "done"
    REOPENING = "reopening"
    ABANDONED = "abandoned"


CLOSED: Final = (State.DONE, State.ABANDONED)
_FORWARD: Final = (
    State.INTENDED,
    State.ARMED,
    State.FENCED,
    State.DRAINED,
    State.DECIDED,
    State.OWNED,
    State.DONE,
)
_UNDECIDED: Final = _FORWARD[: _FORWARD.index(State.DECIDED)]
_TRANSITIONS: Final = [
    *((before.value, after.value) for before, after in pairwise(_FORWARD)),
    *((state.value, State.REOPENING.value) for state in _UNDECIDED),
    (State.REOPENING.value, State.ABANDONED.value),
]


class Cutover(models.Model):
    """One move of some buckets from one side to the other: the one place where it is decided."""

    capability = models.CharField(max_length=20, choices=_CAPABILITIES)
    buckets = ArrayField(models.PositiveSmallIntegerField())
    source = models.CharField(max_length=10, choices=_SIDES)
    target = models.CharField(max_length=10, choices=_SIDES)
    epoch = models.BigIntegerField()
    """With which the target is to own."""
    state = models.CharField(max_length=10, choices=State, default=State.INTENDED, db_default=State.INTENDED)
    started_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    pause_ms = models.FloatField(null=True, blank=True)
    """For how long nobody owned the buckets; null where they were not moved, or nobody was there to measure."""
    reason = models.CharField(max_length=500, blank=True, db_default="")
    by_whom = models.CharField(max_length=254, blank=True, db_default="")

    class Meta:
        verbose_name = "move of ownership"
        verbose_name_plural = "moves of ownership"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two open moves of one bucket could undo each other's fence. Movers take turns by a lock as well, but a
            # lock is lost with its connection.
            models.UniqueConstraint(
                name="cutover_one_open", fields=["capability"], condition=~models.Q(state__in=[s.value for s in CLOSED])
            ),
            models.CheckConstraint(name="cutover_capability_known", condition=models.Q(capability__in=CAPABILITIES)),
            models.CheckConstraint(
                name="cutover_sides_differ",
                condition=models.Q(source__in=SIDES, target__in=SIDES) & ~models.Q(source=models.F("target")),
            ),
            models.CheckConstraint(name="cutover_moves_something", condition=~models.Q(buckets=[])),
            models.CheckConstraint(name="cutover_state_known", condition=models.Q(state__in=State.values)),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["-started_at"], name="cutover_latest")]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            # What was decided stays decided, whoever says otherwise.
            pgtrigger.FSM(name="cutover_state", field="state", transitions=_TRANSITIONS),
            pgtrigger.ReadOnly(name="cutover_stays", fields=["capability", "buckets", "source", "target", "epoch"]),
            pgtrigger.Protect(name="cutovers_stay", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{len(self.buckets)} of {self.capability} to the {self.target}"


class Reconciliation(models.Model):
    """One comparison of a capability's rows at both sides."""

    capability = models.CharField(max_length=20, choices=_CAPABILITIES)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    rows = models.BigIntegerField(db_default=0)
    differences = models.IntegerField(db_default=0)
    """Those that were still there once all changes had been relayed."""
    detail = models.JSONField(default=dict, blank=True, db_default={})

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="reconciliation_capability_known", condition=models.Q(capability__in=CAPABILITIES)
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["-started_at"], name="reconciliation_latest")]

    def __str__(self) -> str:
        return f"{self.capability}: {self.differences} differences in {self.rows} rows"
