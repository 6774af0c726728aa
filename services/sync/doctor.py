"""Says who owns what, finds what is wrong with it, and brings interrupted moves to their end.

A live mover is left alone: it holds the lock `cutover.<capability>`, and what it has begun it will finish. Without
that lock nothing is judged by a single look either, since the databases are not read in one moment: what a second look
does not confirm was a move going by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from services.sync import toggle
from services.sync.cutover import lock_name
from services.sync.databases import leading
from services.sync.errors import Refused
from services.sync.judgement import Finding, judge
from services.sync.mapping.capabilities import CAPABILITIES
from services.sync.owners import Databases, View, read
from services.sync.records import open_ones
from services.sync.settle import settle

DOCTOR = "doctor"
_REASON = "its mover has gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found out about a capability, and done about it."""

    view: View
    """As it was left."""
    moving: bool
    """Whether a live mover or another doctor holds it."""
    findings: Sequence[Finding]
    """What is still wrong."""
    repaired: Sequence[str] = field(default_factory=tuple)

    @property
    def well(self) -> bool:
        """Whether nothing is left for people to do."""
        return not self.findings


def examine(capability: str, *, dry_run: bool = False) -> Examination:
    """Look at a capability and, unless it is a dry run, repair what can be repaired."""
    with ExitStack() as stack:
        databases = Databases.open(stack, capability=capability)
        mine = stack.enter_context(leading(databases.gateway, lock_name(capability)))
        if mine and not dry_run:
            repaired, stuck = _repair(databases, capability)
            writes = toggle.follow(databases, capability=capability, by=DOCTOR, reason="as ownership is")
            if writes is not None:
                repaired.append(f"{capability}: the toggle follows ownership, {writes} of 1,024 buckets")
        else:
            repaired, stuck = [], []
        view = read(databases, capability=capability)
        findings = judge(view, moving=not mine)
        if findings:
            confirmed = judge(read(databases, capability=capability), moving=not mine)
            findings = [finding for finding in findings if finding in confirmed]
        return Examination(view=view, moving=not mine, findings=[*stuck, *findings], repaired=repaired)


def repair(capabilities: Iterable[str] = tuple(CAPABILITIES)) -> list[str]:
    """Bring interrupted moves to their end, leave live ones alone, and return what was done, a line each."""
    done: list[str] = []
    for capability in capabilities:
        with ExitStack() as stack:
            databases = Databases.open(stack, capability=capability)
            # Nearly always there is nothing to do, and then nobody who wants to move should find the lock taken.
            if not open_ones(databases.gateway, capability):
                continue
            if stack.enter_context(leading(databases.gateway, lock_name(capability))):
                repaired, stuck = _repair(databases, capability)
                done += [*repaired, *(f"{finding.capability}: {finding.says}" for finding in stuck)]
    return done


def _repair(databases: Databases, capability: str) -> tuple[list[str], list[Finding]]:
    """This will settle every open move, and return what was done and what could not be; the lock must be held."""
    done: list[str] = []
    stuck: list[Finding] = []
    for record in open_ones(databases.gateway, capability):
        try:
            closed = settle(databases, record, reason=_REASON)
        except Refused as error:
            stuck.append(Finding(capability, "interrupted", str(error)))
            continue
        owner, ended = (closed.target, "finished") if closed.state == "done" else (closed.source, "undone")
        done.append(f"{capability}: move {record.id}, left {record.state}, was {ended}; the {owner} owns its buckets")
    return done, stuck
