"""Brings an open move to its end, wherever it was left: back as long as it is not decided, forward from then on.

    left at                                recovery
    intended, armed, fenced, drained       say `reopening`, so that nobody can decide it; then as below
    reopening                              the source owns again, one epoch above the move's; abandoned
    decided                                the target owns; then as below
    owned                                  the source knows; routing follows; done

Any number of processes may do this to one move at once, among them the mover that was taken for dead: every change
names what it starts from. Owners change only after the record says so, so that whoever decides and whoever gives up
meet at the record, and one of them goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from services.sync import handover, records, toggle
from services.sync.owners import Databases
from services.sync.records import Overtaken, Record

After = Callable[[str], None]
"""Is called after every commit, with what it was."""


def quiet(step: str) -> None:
    """Do nothing."""


def settle(databases: Databases, record: Record, *, reason: str, after: After = quiet) -> Record:
    """Finish the move or undo it, and return its closed record. `reason` is why, if it has to be undone."""
    while record.open:
        try:
            record = _one_step(databases, record, reason=reason, after=after)
        except Overtaken:
            record = records.again(databases.gateway, record)
    return record


def _one_step(databases: Databases, record: Record, *, reason: str, after: After) -> Record:
    gateway = databases.gateway
    match record.state:
        case "decided":
            handover.own(databases.at(record.target), record)
            after("own")
            record = records.advance(gateway, record)
        case "owned":
            handover.release(databases.at(record.source), record)
            after("release")
            toggle.follow(databases, capability=record.capability, by=record.by, reason=record.reason)
            after("toggle")
            record = records.advance(gateway, record)
        case "reopening":
            handover.reopen(databases.at(record.source), record)
            after("reopen")
            record = records.abandon(gateway, record)
        case _:
            record = records.give_up(gateway, record, reason=reason)
    after(record.state)
    return record
