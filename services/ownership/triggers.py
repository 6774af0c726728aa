"""What puts a table under the fence, and every change of its rows into the outbox, whoever makes it.

One trigger for each kind of statement, after it, over all rows that it touched: bulk loads pay once. A row's lock is
held by then, and so is the bucket's when the statement ends: of one key's changes, whatever is visible in the outbox
is a prefix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pgtrigger

APPLYING = "techcommerce.applying"
"""A setting that is `on` in the mover's transactions: what comes from the other side is not the owner's to refuse, and
goes back to nobody. Whoever sets it elsewhere makes the two sides differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """How a table's rows are known. Expressions are SQL over `t`, the row, and whatever `join` adds."""

    capability: str
    aggregate: str
    """What the other side calls such rows too."""
    root: str
    """Expression of what the row belongs to, see `ownership_outbox.root`."""
    key: Sequence[str]
    """Expressions of the natural key."""
    fixed: Sequence[str]
    """Columns that may not change: by them rows are known and fall into buckets."""
    customer: str | None = None
    """Expression of what the bucket depends on; None where a capability is owned as a whole."""
    join: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    """What the payload has besides the row's own columns: natural keys of what it refers to."""

    def triggers(self) -> list[pgtrigger.Trigger]:
        """Return the triggers for a model's `Meta`."""
        return [
            self._trigger("insert", pgtrigger.Insert, "U", new="new_rows"),
            self._trigger("update", pgtrigger.Update, "U", new="new_rows", old="old_rows"),
            self._trigger("delete", pgtrigger.Delete, "D", old="old_rows"),
        ]

    def _trigger(
        self, name: str, operation: pgtrigger.Operation, op: str, *, new: str | None = None, old: str | None = None
    ) -> pgtrigger.Trigger:
        body = self._checking() if new and old else ""
        return pgtrigger.Trigger(
            name=f"own_{name}",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=operation,
            referencing=pgtrigger.Referencing(new=new, old=old),  # type: ignore[no-untyped-call]
            declare=[("touched", "integer"), ("reached_epoch", "bigint"), ("reached_id", "bigint")],
            func=_FUNCTION.format(
                applying=APPLYING,
                checking=body,
                capability=self.capability,
                aggregate=self.aggregate,
                rows=new or old,
                join=self.join,
                bucket="0" if self.customer is None else f"ownership_bucket_of('{self.capability}', {self.customer})",
                root=self.root,
                key=", ".join(self.key),
                op=op,
                extra=", ".join(f"'{name}', {expression}" for name, expression in self.extra.items()),
            ),
        )

    def _checking(self) -> str:
        columns = [f"n.{column} IS DISTINCT FROM o.{column}" for column in self.fixed]
        return _CHECKING.format(changed=" OR ".join(["n.id IS NULL", *columns]), fixed=", ".join(self.fixed))


_CHECKING = """
IF EXISTS (SELECT FROM old_rows o LEFT JOIN new_rows n USING (id) WHERE {changed}) THEN
    RAISE EXCEPTION USING ERRCODE = 'TC409', MESSAGE = format('%%s: id, {fixed} cannot change', TG_TABLE_NAME);
END IF;
""".replace("%%", "%")

_FUNCTION = """
IF current_setting('{applying}', true) = 'on' THEN
    RETURN NULL;
END IF;
{checking}
FOR touched IN SELECT DISTINCT {bucket} AS bucket FROM {rows} t {join} ORDER BY bucket LOOP
    PERFORM ownership_enter('{capability}', touched);
END LOOP;
IF (SELECT c.capturing FROM ownership_capability c WHERE c.name = '{capability}') THEN
    WITH written AS (
        INSERT INTO ownership_outbox (capability, bucket, epoch, aggregate, root, key, op, payload)
        SELECT '{capability}', b.bucket, b.epoch, '{aggregate}', {root}, jsonb_build_array({key})::text, '{op}',
            to_jsonb(t) || jsonb_build_object({extra})
        FROM {rows} t {join}
        JOIN ownership_bucket b ON b.capability = '{capability}' AND b.bucket = {bucket}
        RETURNING id, epoch
    )
    SELECT max(epoch), max(id) INTO reached_epoch, reached_id FROM written;
    IF reached_id IS NOT NULL THEN
        PERFORM set_config('techcommerce.position_{capability}', reached_epoch || '.' || reached_id, false);
    END IF;
END IF;
RETURN NULL;
"""
