"""What is kept of comparisons. Counts run from the last reset on; `store` adds to them, nobody else writes them."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from gateway.comparison.noise import Judged, judge
from gateway.proxy.compare import KINDS
from gateway.proxy.ignore import BadPattern, checked
from gateway.routing.table import CAPABILITIES

_CAPABILITIES = [(name, name.title()) for name in CAPABILITIES]


def is_pattern(value: str) -> None:
    """Raise a ValidationError unless this is a rule's path pattern."""
    try:
        checked(value)
    except BadPattern as error:
        raise ValidationError(str(error), code="invalid") from error


class Endpoint(models.Model):
    """One method of one route, and how its mirrored reads came out."""

    capability = models.CharField(max_length=20, choices=_CAPABILITIES)
    method = models.CharField(max_length=10)
    route = models.CharField(max_length=200)
    equal = models.BigIntegerField(default=0)
    different = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    sampled = models.BigIntegerField(default=0)
    crowded = models.BigIntegerField(default=0)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        verbose_name = "endpoint compared"
        verbose_name_plural = "endpoints compared"
        permissions = (("reset_endpoint", "Can reset the counts of comparisons"),)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(name="endpoint_once", fields=["capability", "method", "route"]),
            models.CheckConstraint(name="endpoint_capability_known", condition=models.Q(capability__in=CAPABILITIES)),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    @property
    def compared(self) -> int:
        return self.equal + self.different

    @property
    def mismatch(self) -> float | None:
        """The share of comparisons with a difference, 0..1; None without any."""
        return self.different / self.compared if self.compared else None


class Field(models.Model):
    """One way in which one field has differed."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="fields")
    path = models.TextField()
    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in KINDS])
    differing = models.BigIntegerField(default=0)
    only_candidate = models.BigIntegerField(default=0)
    only_control = models.BigIntegerField(default=0)
    both = models.BigIntegerField(default=0)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        verbose_name = "field that differs"
        verbose_name_plural = "fields that differ"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(name="field_once", fields=["endpoint", "path", "kind"])
        ]

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}"

    @property
    def judged(self) -> Judged:
        return judge(only_candidate=self.only_candidate, only_control=self.only_control, both=self.both)


class Example(models.Model):
    """Two answers that differ in a field: bounded, and without secrets or personal data."""

    field = models.ForeignKey(Field, on_delete=models.CASCADE, related_name="examples")
    at = models.DateTimeField()
    target = models.CharField(max_length=500)
    primary_status = models.PositiveSmallIntegerField()
    candidate_status = models.PositiveSmallIntegerField()
    primary_headers = models.JSONField()
    candidate_headers = models.JSONField()
    primary_body = models.TextField()
    candidate_body = models.TextField()
    primary_marked = models.JSONField()
    candidate_marked = models.JSONField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(name="example_newest", fields=["field", "-at"])]

    def __str__(self) -> str:
        return f"{self.target} at {self.at:%Y-%m-%d %H:%M:%S}"


class IgnoreRule(models.Model):
    """A field whose differences are no differences, and why."""

    capability = models.CharField(
        max_length=20, blank=True, choices=_CAPABILITIES, help_text="Empty: of every capability."
    )
    pattern = models.CharField(
        "path",
        max_length=200,
        validators=[is_pattern],
        help_text="As in results[*].price.amount; * stands for any part of a name, as in *_at. "
        "What lies beneath the field is ignored with it.",
    )
    reason = models.CharField(max_length=500, help_text="Why this difference does no harm, for whoever asks later.")
    active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    ignored = models.BigIntegerField(default=0)
    last_ignored_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "ignore rule"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="ignore_rule_has_a_reason", condition=models.Q(reason__regex=r"\S"))
        ]

    def __str__(self) -> str:
        return self.pattern
