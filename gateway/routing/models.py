"""The toggles and their revision, kept in step by the database itself, so that an edit in psql counts as well."""

from __future__ import annotations

from typing import ClassVar, Final

import pgtrigger
from django.db import models

from gateway.routing.table import CAPABILITIES, SIDES

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


class Toggle(models.Model):
    """Which side answers for a capability. One row each, made by migration; none can be deleted."""

    capability = models.CharField(max_length=20, unique=True, choices=[(name, name.title()) for name in CAPABILITIES])
    side = models.CharField(max_length=20, choices=[(name, name.title()) for name in SIDES])
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "routing toggle"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="toggle_capability_known", condition=models.Q(capability__in=CAPABILITIES)),
            models.CheckConstraint(name="toggle_side_known", condition=models.Q(side__in=SIDES)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="toggles_stay", operation=pgtrigger.Delete),
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
        return f"{self.capability} → {self.side}"


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
