"""The toggles and their revision, kept in step by the database itself, so that an edit in psql counts as well."""

from __future__ import annotations

from typing import ClassVar, Final

import pgtrigger
from django.db import models

from gateway.routing.buckets import BUCKETS
from gateway.routing.table import CAPABILITIES, WHOLE

CHANNEL: Final = "techcommerce_routing"
"""Notified with the new revision when a change commits: the trigger below says its name again."""

_COUNT: Final = """
INSERT INTO routing_revision AS r (id, number, changed_at) VALUES (1, 1, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET number = r.number + 1, changed_at = clock_timestamp()
RETURNING r.number INTO counted;
PERFORM pg_notify('techcommerce_routing', counted::text);
RETURN NULL;
"""

# Whoever goes through `steer` sets the time; where the time is untouched, the edit came from elsewhere, and the row
# must not go on naming the person and the reason of the change before.
_SIGN: Final = """
IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
    NEW.updated_at := clock_timestamp();
    IF NEW.updated_by IS NOT DISTINCT FROM OLD.updated_by THEN
        NEW.updated_by := 'sql:' || session_user;
    END IF;
    IF NEW.reason IS NOT DISTINCT FROM OLD.reason THEN
        NEW.reason := '';
    END IF;
END IF;
RETURN NEW;
"""


def _count_of_buckets(**options: object) -> models.PositiveSmallIntegerField:  # type: ignore[type-arg]
    return models.PositiveSmallIntegerField(default=0, db_default=0, **options)  # type: ignore[arg-type]


class Toggle(models.Model):
    """How a capability's requests are shared out. One row each, made by migration; none can be deleted.

    Numbers are buckets of 1,024; `gateway.routing.table.Route` says what they mean.
    """

    capability = models.CharField(max_length=20, unique=True, choices=[(name, name.title()) for name in CAPABILITIES])
    reads = _count_of_buckets()
    writes = _count_of_buckets()
    shadow = _count_of_buckets()
    fallback = models.BooleanField(default=True, db_default=True)
    salt = models.CharField(max_length=40, editable=False)
    shadow_salt = models.CharField(max_length=40, editable=False)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "routing toggle"
        permissions = (("test_sides", "Can choose a side for their own requests"),)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="toggle_capability_known", condition=models.Q(capability__in=CAPABILITIES)),
            models.CheckConstraint(name="toggle_reads_possible", condition=models.Q(reads__range=(0, BUCKETS))),
            models.CheckConstraint(name="toggle_writes_possible", condition=models.Q(writes__range=(0, BUCKETS))),
            models.CheckConstraint(name="toggle_shadow_possible", condition=models.Q(shadow__range=(0, BUCKETS))),
            models.CheckConstraint(
                name="toggle_owned_as_a_whole",
                condition=~models.Q(capability__in=sorted(WHOLE)) | models.Q(writes__in=(0, BUCKETS)),
            ),
            # One salt for both would mirror the same shoppers' reads for ever.
            models.CheckConstraint(
                name="toggle_salts_differ",
                condition=~models.Q(salt="") & ~models.Q(shadow_salt="") & ~models.Q(salt=models.F("shadow_salt")),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="toggles_stay", operation=pgtrigger.Delete),
            # Another salt would deal all shoppers out anew.
            pgtrigger.ReadOnly(name="salts_stay", fields=["salt", "shadow_salt"]),
            pgtrigger.Trigger(name="sign_sql_edits", operation=pgtrigger.Update, when=pgtrigger.Before, func=_SIGN),
            pgtrigger.Trigger(
                name="count_revision",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.After,
                declare=[("counted", "bigint")],
                func=_COUNT,
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_capability_display())


class Revision(models.Model):
    """How often the toggles have changed: a single row. Its lock makes the order of commits the order of numbers."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="revision_is_single", condition=models.Q(id=1))
        ]

    def __str__(self) -> str:
        return f"revision {self.number}"


class Worker(models.Model):
    """A gateway worker and the revision that it routes by, in its own words; see `gateway.routing.presence`."""

    id = models.CharField(primary_key=True, max_length=40)
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    revision = models.BigIntegerField()
    started_at = models.DateTimeField()
    adopted_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
