"""Whether what clients were told agrees with what there is. Pure.

Each check says in its docstring what must hold, and yields whatever breaks it. An outage excuses what it can be the
reason for and nothing else: see `EXCUSED`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from services.chassis import contract
from services.ownership.schema import BUCKETS
from tests.history.history import READS, SIDES, Component, Event, History, Outage, Side

_ALL: Final[frozenset[Component]] = frozenset({"gateway", "postgres"})
# Reads are answered by the other side, which may be a moment behind.
_A_SIDE: Final[frozenset[Component]] = frozenset({"legacy", "products", "orders", "postgres"})
EXCUSED: Final[Mapping[str, frozenset[Component]]] = {
    "read failed": _ALL,
    # A move that dies between fence and decision leaves nobody to write to until somebody finishes it.
    "write failed": _ALL | _A_SIDE | {"move"},
    "read is old": _A_SIDE,
}
"""What may go wrong while something is down that was killed. The relay's death excuses nothing."""

_REFUSALS: Final[Mapping[str, frozenset[str]]] = {
    "place": frozenset({"insufficient-stock", "idempotency-key-in-flight"}),
    "cancel": frozenset({"illegal-transition"}),
    "status": frozenset({"illegal-transition"}),
}
"""What the shop may refuse, and these clients must live with."""
_FINAL_REFUSAL: Final = "insufficient-stock"


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that may not be."""

    kind: str
    says: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.says}"


def check(history: History) -> list[Violation]:
    """Return whatever is wrong."""
    return [violation for one in CHECKS for violation in one(history)]


def answers(history: History) -> Iterator[Violation]:
    """No client sees a 421, nor an error that nothing excuses, nor a refusal without a reason."""
    for event in history.events:
        if event.code == 421:
            yield Violation("421 seen", str(event))
        elif event.failed:
            kind = "read failed" if event.act in READS else "write failed"
            if not _excused(kind, event, history.outages):
                yield Violation(kind, str(event))
        elif not event.acknowledged and not event.unknown and event.problem not in _REFUSALS.get(event.act, ()):
            old = event.act in READS and event.problem == "not-found"
            if not (old and _excused("read is old", event, history.outages)):
                yield Violation("unexpected answer", str(event))
        elif event.acknowledged and event.problem:
            yield Violation("unexpected answer", str(event))


def acknowledged_orders(history: History) -> Iterator[Violation]:
    """Every order that was acknowledged is at both sides, as it was told."""
    for told in _placed(history):
        for name in SIDES:
            kept = history.ending.sides[name].orders.get(told.number)
            if kept is None:
                yield Violation("order lost", f"not at the {name}: {told}")
            elif told.order is None or not _is_later(kept, told.order):
                yield Violation("order differs", f"{kept} at the {name}, told was {told.order}: {told}")
            elif asked(kept) != told.lines:
                yield Violation("order differs", f"{asked(kept)} at the {name}, asked was {dict(told.lines)}: {told}")
            elif kept["customer"] != told.who:
                yield Violation("order differs", f"{kept['customer']} owns it at the {name}: {told}")
            elif told.order["status"] != "placed":
                yield Violation("order differs", f"{told.order['status']} when it was placed: {told}")


def sides(history: History) -> Iterator[Violation]:
    """Both sides hold the same: orders, stock, reservations, keys, descriptions."""
    here, there = (history.ending.sides[name] for name in SIDES)
    for what in ("orders", "stock", "notes", "reservations", "placements"):
        one: Mapping[Any, Any] = getattr(here, what)
        other: Mapping[Any, Any] = getattr(there, what)
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                yield Violation("sides differ", f"{what} {key}: {one.get(key)} here, {other.get(key)} there")


def keys(history: History) -> Iterator[Violation]:
    """One key is one order: every 201 names it, with one body, and it is new once. No order has two keys."""
    whose: dict[str, tuple[str, str]] = {}
    for owner, told in _by_key(_placed(history)).items():
        bodies = {repr(event.order) for event in told}
        if len({event.number for event in told}) > 1 or len(bodies) > 1:
            yield Violation("key answered twice", " / ".join(map(str, told)))
        if sum(not event.replayed for event in told) > 1:
            yield Violation("order new twice", " / ".join(map(str, told)))
        for number in {event.number for event in told}:
            if whose.setdefault(number, owner) != owner:
                yield Violation("order of two keys", f"{number}: {whose[number]} and {owner}")


def unacknowledged_orders(history: History) -> Iterator[Violation]:
    """An order that nobody was told of belongs to a key of which somebody was told nothing, and no refusal since."""
    asked_for = _by_key(event for event in history.events if event.act == "place")
    for name in SIDES:
        side = history.ending.sides[name]
        key_of = {placement.number: key for key, placement in side.placements.items() if placement.answered}
        for number, order in side.orders.items():
            key = key_of.get(number)
            if key is None or key[0] != order["customer"]:
                yield Violation("order without a key", f"{number} at the {name}: {key}")
            elif not _may_exist(asked_for.get(key, [])):
                yield Violation("order nobody asked for", f"{number} at the {name}, {key}: {asked_for.get(key, [])}")
        for key, placement in side.placements.items():
            if placement.answered and placement.number not in side.orders:
                yield Violation("order lost", f"{placement.number} at the {name}, whose key {key} is answered")


def _may_exist(asked_for: Sequence[Event]) -> bool:
    refused = max((event.began for event in asked_for if event.problem == _FINAL_REFUSAL), default=float("-inf"))
    return any(event.acknowledged or (event.unknown and event.ended > refused) for event in asked_for)


def stock(history: History) -> Iterator[Violation]:
    """What was there at first is in the orders that stand, or is there: at both sides, to the piece, never negative."""
    for name in SIDES:
        side = history.ending.sides[name]
        sold: Counter[str] = Counter()
        for order in side.orders.values():
            if order["status"] != "cancelled":
                sold.update(asked(order))
        for sku, first in history.stock.items():
            left = side.stock.get(sku, -1)
            if left < 0 or first - sold[sku] != left:
                held = _held_for_nothing(side, sku)
                says = f"{sku} at the {name}: {first} at first, {sold[sku]} sold, {left} left"
                yield Violation("stock", f"{says}, held for nothing: {held}")


def reservations(history: History) -> Iterator[Violation]:
    """What is kept for an order is what is in it; nothing is kept for one that is cancelled or never was."""
    for name in SIDES:
        side = history.ending.sides[name]
        for number, kept in side.reservations.items():
            order = side.orders.get(number)
            standing = order is not None and order["status"] != "cancelled"
            if standing and order is not None:
                if kept.state != "confirmed" or kept.lines != asked(order):
                    yield Violation("reservation", f"{number} at the {name}: {kept}, and the order {asked(order)}")
            elif kept.state != "released":
                what = "no order" if order is None else f"order {order['status']}"
                yield Violation("reservation", f"{number} at the {name}: {kept}, and {what}")
        for number in side.orders.keys() - side.reservations.keys():
            yield Violation("reservation", f"{number} at the {name}: none")


def overselling(history: History) -> Iterator[Violation]:
    """At no moment were more pieces promised than there were: acknowledged, and nobody had begun to cancel them."""
    first_told: dict[str, Event] = {}
    for event in sorted(_placed(history), key=lambda event: event.ended):
        first_told.setdefault(event.number, event)
    given_up: dict[str, float] = {}
    for event in history.events:
        if event.act == "cancel" or (event.act == "status" and event.to == "cancelled"):
            given_up[event.number] = min(event.began, given_up.get(event.number, event.began))
    changes: list[tuple[float, int, str, int]] = []
    for number, event in first_told.items():
        until = given_up.get(number, float("inf"))
        if until > event.ended:
            for sku, quantity in event.lines.items():
                changes += [(event.ended, 1, sku, quantity), (until, 0, sku, -quantity)]
    promised: Counter[str] = Counter()
    for moment, _, sku, quantity in sorted(changes):
        promised[sku] += quantity
        if promised[sku] > history.stock.get(sku, 0):
            yield Violation("oversold", f"{sku} at {moment:.3f}: {promised[sku]} of {history.stock.get(sku, 0)}")
    for event in history.events:
        for sku, seen in event.stock.items():
            if not 0 <= seen <= history.stock.get(sku, 0):
                yield Violation("stock shown", f"{sku}: {seen} of {history.stock.get(sku, 0)}: {event}")


def refusals(history: History) -> Iterator[Violation]:
    """Nobody is refused for want of stock that was certainly there: all that anyone had asked for left enough."""
    placements = [event for event in history.events if event.act == "place"]
    if not history.outages:
        # A run that was killed may have left stock held under another number than its retry's.
        first: dict[tuple[str, str], Event] = {}
        for event in sorted(placements, key=lambda event: event.began):
            first.setdefault((event.who, event.key), event)
        placements = list(first.values())
    for event in history.events:
        if event.problem != _FINAL_REFUSAL:
            continue
        most: Counter[str] = Counter()
        for other in placements:
            if other.began <= event.ended and (other.who, other.key) != (event.who, event.key):
                most.update(other.lines)
        if all(history.stock.get(sku, 0) - most[sku] >= quantity for sku, quantity in event.lines.items()):
            yield Violation("refused without reason", f"{event}: {dict(event.lines)}")


def histories(history: History) -> Iterator[Violation]:
    """An order's statuses follow each other as the contract has it; each was asked for, and none acknowledged is gone.

    One that was acknowledged before another was asked for comes before it.
    """
    writes = _writes(history)
    for number, order in _orders(history).items():
        path = [change["status"] for change in order["history"]]
        times = [change["at"] for change in order["history"]]
        steps = pairwise(path)
        if path[:1] != ["placed"] or path[-1] != order["status"] or not contract.TRANSITIONS.issuperset(steps):
            yield Violation("history", f"{number}: {order['status']} after {path}")
            continue
        if times != sorted(times) or times[0] != order["placed_at"]:
            yield Violation("history", f"{number}: {list(zip(path, times, strict=True))}, placed {order['placed_at']}")
        asked_for = {event.to for event in writes[number] if event.acknowledged or event.unknown}
        for status in path[1:]:
            if status not in asked_for:
                yield Violation("status nobody asked for", f"{number}: {status}")
        told = [event for event in writes[number] if event.acknowledged]
        for event in told:
            if event.to not in path:
                yield Violation("status lost", f"{path} in the end: {event}")
        told = sorted((event for event in told if event.to in path), key=lambda event: path.index(event.to))
        for later, event in enumerate(told):
            for other in told[:later]:
                if event.ended < other.began and path.index(event.to) > path.index(other.to):
                    yield Violation("status went back", f"{event} / {other}")


def shown(history: History) -> Iterator[Violation]:
    """Whoever is shown an order is shown what it was at some time, and a write's answer what it has done."""
    orders = _orders(history)
    for event in history.events:
        if event.order is None or event.act == "place":
            continue
        kept = orders.get(event.number)
        if kept is None or not _is_later(kept, event.order):
            yield Violation("never was so", f"{event.order}, in the end {kept}: {event}")
        elif event.act in {"cancel", "status"} and event.to not in _path(event.order):
            yield Violation("not done", f"{_path(event.order)}: {event}")


def own_writes(history: History) -> Iterator[Violation]:
    """Whoever reads after they were told that they wrote sees it, or something later."""
    orders = _orders(history)
    # What nobody was told of may be done at any time after it was asked for.
    late = {(event.sku, event.note) for event in history.events if event.act == "edit" and event.unknown}
    written: dict[str, list[Event]] = defaultdict(list)
    for event in history.events:
        if event.act not in READS and event.acknowledged:
            written[event.who].append(event)
    for read in history.events:
        if read.act not in READS or read.failed or read.gave_up or _excused("read is old", read, history.outages):
            continue
        for write in written[read.who]:
            if write.ended >= read.began or (read.sku, read.note) in late:
                continue
            if missing := _missing(read, write, orders):
                yield Violation("own write not seen", f"{missing}: {read}; {write}")


def _missing(read: Event, write: Event, orders: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what a read that came after a write does not show of it; empty when it shows it, or is about others."""
    if write.act == "edit":
        return f"edit {read.note}" if read.act == "product" and read.sku == write.sku and read.note < write.note else ""
    status: str | None
    if read.act == "order" and read.number == write.number:
        status = read.order["status"] if read.order else None
    elif read.act == "orders" and read.listed is not None:
        status = read.listed.get(write.number)
    else:
        return ""
    if status is None:
        return f"no order {write.number}"
    path = _path(orders.get(write.number, {}))
    wanted = write.to or "placed"
    # What never was so is another check's affair.
    behind = status in path and wanted in path and path.index(status) < path.index(wanted)
    return f"still {status}" if behind else ""


def edits(history: History) -> Iterator[Violation]:
    """A product shows the last edit that was acknowledged, or one whose outcome nobody was told."""
    for name in SIDES:
        for sku in history.stock:
            note = history.ending.sides[name].notes.get(sku, 0)
            made = [event for event in history.events if event.act == "edit" and event.sku == sku]
            least = max((event.note for event in made if event.acknowledged), default=0)
            if note not in {least, *(event.note for event in made if event.unknown)}:
                yield Violation("edit lost", f"{sku} at the {name}: edit {note}, acknowledged was {least}")


def owners(history: History) -> Iterator[Violation]:
    """Every bucket has exactly one owner."""
    for capability, count in BUCKETS.items():
        for bucket in range(count):
            found = history.ending.owners.get((capability, bucket), ())
            if len(found) != 1:
                yield Violation("owners", f"{capability} {bucket}: {', '.join(found) or 'nobody'}")


def machinery(history: History) -> Iterator[Violation]:
    """Everything has been relayed, nothing was set aside, the doctor finds all well, and the sides compare equal."""
    ending = history.ending
    for name, count in ending.outboxes.items():
        if count:
            yield Violation("outbox", f"{count} changes in that of {name}")
    for name, count in ending.set_aside.items():
        if count:
            yield Violation("set aside", f"{count} changes in the outbox of {name}")
    for finding in ending.unwell:
        yield Violation("doctor", finding)
    for difference in ending.differences:
        yield Violation("reconcile", difference)


CHECKS: Final[Sequence[Callable[[History], Iterator[Violation]]]] = (
    answers,
    acknowledged_orders,
    sides,
    keys,
    unacknowledged_orders,
    stock,
    reservations,
    overselling,
    refusals,
    histories,
    shown,
    own_writes,
    edits,
    owners,
    machinery,
)


def asked(order: Mapping[str, Any]) -> dict[str, int]:
    """Return the lines of an order as a placement asks for them."""
    return {line["sku"]: line["quantity"] for line in order["lines"]}


def went_back(history: History) -> int:
    """Return how many reads showed an order younger than the same reader had seen it. Nobody promises otherwise."""
    orders = _orders(history)
    seen: dict[tuple[str, str], int] = {}
    count = 0
    for event in sorted(history.events, key=lambda event: event.began):
        if event.act == "order" and event.order is not None and event.number in orders:
            length = len(event.order["history"])
            count += length < seen.get((event.who, event.number), 0)
            seen[event.who, event.number] = max(length, seen.get((event.who, event.number), 0))
    return count


def _excused(kind: str, event: Event, outages: Iterable[Outage]) -> bool:
    return any(outage.component in EXCUSED[kind] and outage.meets(event) for outage in outages)


def _placed(history: History) -> list[Event]:
    return [event for event in history.events if event.act == "place" and event.acknowledged]


def _by_key(events: Iterable[Event]) -> dict[tuple[str, str], list[Event]]:
    found: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        found[event.who, event.key].append(event)
    return found


def _writes(history: History) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in history.events:
        if event.act in {"cancel", "status"}:
            found[event.number].append(event)
    return found


def _orders(history: History) -> Mapping[str, Mapping[str, Any]]:
    """Return all orders in the end. Where the sides differ, which `sides` says, the longer history is taken."""
    found: dict[str, Mapping[str, Any]] = {}
    for name in SIDES:
        for number, order in history.ending.sides[name].orders.items():
            if number not in found or len(found[number]["history"]) < len(order["history"]):
                found[number] = order
    return found


def _held_for_nothing(side: Side, sku: str) -> dict[str, int]:
    return {
        number: kept.lines[sku]
        for number, kept in side.reservations.items()
        if kept.state != "released" and number not in side.orders and sku in kept.lines
    }


def _is_later(order: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Tell whether an order is what it was before, or has come further."""
    changing = {"status", "history"}
    return (
        {name: value for name, value in order.items() if name not in changing}
        == {name: value for name, value in before.items() if name not in changing}
        and order["history"][: len(before["history"])] == before["history"]
        and before["status"] == before["history"][-1]["status"]
    )


def _path(order: Mapping[str, Any]) -> list[str]:
    return [change["status"] for change in order.get("history", ())]
