"""What is wrong with who owns what. Pure.

The invariant: of every bucket at most one database says that it owns it, and no epoch anywhere is higher than its own.

    two owners           both sides accept writes: what each has accepted has to be looked at
    stale owner          the owner's epoch is not the highest
    no owner             and no open move that explains it. A fence is put up only after its move was recorded, and the
                         record is closed only after the source owns again or the target does, so no crash of ours
                         leaves this. A restored backup may; which side is whole, people have to say
    salts                the sides, or the gateway, deal customers out to buckets differently
    half armed           one side records its changes and the other does not
    set aside            a change that could not be applied at the other side
    interrupted          an open move whose mover has gone
    routing              the toggle sends writes to another number of buckets than the service owns; requests find their
                         owner by 421, a hop later than they need to
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from services.ownership.schema import BUCKETS
from services.sync.buckets import spell, toggled
from services.sync.owners import View

Kind = Literal[
    "two owners", "stale owner", "no owner", "salts", "half armed", "set aside", "interrupted", "routing"
]  # fmt: skip
REPAIRED: Final[frozenset[Kind]] = frozenset({"interrupted", "routing"})
"""What the doctor repairs by itself. The rest is for people."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. Two findings are the same when they say the same."""

    capability: str
    kind: Kind
    says: str

    @property
    def for_people(self) -> bool:
        return self.kind not in REPAIRED


def judge(view: View, *, moving: bool) -> list[Finding]:
    """Return what is wrong; `moving` says that a live mover holds the capability, so that open moves are its affair."""
    found = [*_owners(view), *_arming(view)]
    if not moving:
        found += [
            Finding(
                view.capability,
                "interrupted",
                f"move {record.id} of buckets {spell(record.buckets)} to the {record.target} was left {record.state}",
            )
            for record in view.records
        ]
        writes = toggled(view.service.own, count=BUCKETS[view.capability])
        if view.writes != writes:
            ahead = "ahead of" if view.writes > writes else "behind"
            says = f"the toggle is {ahead} ownership: {view.writes} of 1,024 buckets, and the service owns {writes}"
            found.append(Finding(view.capability, "routing", says))
    return found


def _owners(view: View) -> Iterable[Finding]:
    explained = {bucket for record in view.records for bucket in record.buckets}
    two: dict[tuple[int, int], list[int]] = {}
    stale: dict[tuple[str, int, int], list[int]] = {}
    nobody: dict[tuple[str, int, str, int], list[int]] = {}
    for bucket in range(BUCKETS[view.capability]):
        here, here_epoch = view.monolith.owners.get(bucket, ("none", 0))
        there, there_epoch = view.service.owners.get(bucket, ("none", 0))
        match here == "self", there == "self":
            case True, True:
                two.setdefault((here_epoch, there_epoch), []).append(bucket)
            case True, False if here_epoch < there_epoch:
                stale.setdefault(("monolith", here_epoch, there_epoch), []).append(bucket)
            case False, True if there_epoch < here_epoch:
                stale.setdefault(("service", there_epoch, here_epoch), []).append(bucket)
            case False, False if bucket not in explained:
                nobody.setdefault((here, here_epoch, there, there_epoch), []).append(bucket)
    name = view.capability
    for (here_epoch, there_epoch), buckets in two.items():
        says = (
            f"both sides own buckets {spell(buckets)}:"
            f" the monolith since epoch {here_epoch}, the service since epoch {there_epoch}"
        )
        yield Finding(name, "two owners", says)
    for (side, epoch, other_epoch), buckets in stale.items():
        says = (
            f"the {side} owns buckets {spell(buckets)} since epoch {epoch}, and the other side has seen {other_epoch}"
        )
        yield Finding(name, "stale owner", says)
    for (here, here_epoch, there, there_epoch), buckets in nobody.items():
        says = (
            f"nobody owns buckets {spell(buckets)}, and no move explains it:"
            f" monolith {here} {here_epoch}, service {there} {there_epoch}"
        )
        yield Finding(name, "no owner", says)


def _arming(view: View) -> Iterable[Finding]:
    name = view.capability
    salts = {"monolith": view.monolith.salt, "service": view.service.salt}
    wrong = [side for side, salt in salts.items() if salt not in {None, view.salt}]
    if wrong:
        yield Finding(name, "salts", f"another salt than the gateway's is used by the {' and the '.join(wrong)}")
    if view.monolith.capturing != view.service.capturing:
        side = "monolith" if view.monolith.capturing else "service"
        says = f"only the {side} records its changes: ./manage.py sync backfill {name} arms both"
        yield Finding(name, "half armed", says)
    for side, holding in (("monolith", view.monolith), ("service", view.service)):
        if holding.set_aside:
            says = f"{holding.set_aside} changes of the {side}'s were set aside: ./manage.py sync status, sync retry"
            yield Finding(name, "set aside", says)
