"""Moving a capability's traffic, and seeing where it goes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Self

from django.db import transaction

from gateway.routing.buckets import BUCKETS, percent_of
from gateway.routing.models import Revision, Toggle
from gateway.routing.table import Capability, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What can be steered of a capability. Numbers are buckets of 1,024."""

    reads: int
    writes: int
    shadow: int
    fallback: bool

    @classmethod
    def of(cls, toggle: Toggle) -> Self:
        """Return what a toggle says."""
        return cls(reads=toggle.reads, writes=toggle.writes, shadow=toggle.shadow, fallback=toggle.fallback)

    @property
    def side(self) -> Side | None:
        """Who has all reads and all writes; None where they are shared."""
        match self.reads, self.writes:
            case 0, 0:
                return "monolith"
            case reads, writes if reads == writes == BUCKETS:
                return "service"
        return None

    def __str__(self) -> str:
        said: list[str] = [
            self.side or f"service for {percent_of(self.reads)} % of reads and {percent_of(self.writes)} % of writes"
        ]
        if self.shadow:
            said.append(f"{percent_of(self.shadow)} % mirrored")
        if not self.fallback:
            said.append("no fallback")
        return ", ".join(said)


@dataclass(frozen=True, slots=True)
class Moved:
    """What steering did."""

    before: Setting
    after: Setting
    revision: int

    @property
    def changed(self) -> bool:
        return self.before != self.after


def steer(
    *,
    capability: Capability,
    by: str,
    reason: str,
    now: datetime,
    side: Side | None = None,
    reads: int | None = None,
    writes: int | None = None,
    shadow: int | None = None,
    fallback: bool | None = None,
) -> Moved:
    """Share the capability's traffic out as said, and return what that changed; IntegrityError for the impossible.

    Numbers are buckets of 1,024; None leaves things as they are. `side` stands for all reads and all writes. Every
    gateway worker follows once this has committed. Saying what holds already changes nothing.
    """
    if side is not None:
        if not reads is writes is None:
            raise ValueError("a side takes all reads and writes")
        reads = writes = BUCKETS if side == "service" else 0
    said = {"reads": reads, "writes": writes, "shadow": shadow, "fallback": fallback}
    with transaction.atomic():
        toggle = Toggle.objects.select_for_update().get(capability=capability)
        before = Setting.of(toggle)
        after = replace(before, **{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]
        if before != after:
            values = {**asdict(after), "updated_by": by, "reason": reason, "updated_at": now}
            for name, value in values.items():
                setattr(toggle, name, value)
            toggle.save(update_fields=list(values))
        return Moved(before=before, after=after, revision=revision())


def revision() -> int:
    """Return the number of the last committed change of the toggles."""
    return Revision.objects.values_list("number", flat=True).get(id=1)
