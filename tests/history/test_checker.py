"""The checker against histories of a shop that is only a few lines long: whole ones pass, and each flaw is found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.chassis import contract
from services.chassis.identity import Owner
from services.ownership.schema import BUCKETS
from tests.history import checker
from tests.history.history import Ending, Event, History, Outage, Placement, Reservation, Side

STOCK = {"FEW": 6, "MANY": 500}
SHOPPERS = ("ann", "bob", "cid")
STAFF = "staff"


class Model:
    """A shop in which every request is done at one moment, between its beginning and its end."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.now = 0.0
        self.events: list[Event] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.stock = dict(STOCK)
        self.notes = dict.fromkeys(STOCK, 0)
        self.placed: dict[tuple[str, str], str] = {}
        self.bodies: dict[tuple[str, str], dict[str, Any]] = {}
        self.keys: dict[tuple[str, str], dict[str, int]] = {}

    def run(self, steps: int) -> History:
        acts = (self.place, self.place, self.again, self.cancel, self.status, self.edit, self.read, self.read, self.all)
        for _ in range(steps):
            self.now += 1.0
            self.chance.choice(acts)()
        side = Side(
            orders=self.orders,
            stock=self.stock,
            notes=self.notes,
            reservations={
                number: Reservation("released" if one["status"] == "cancelled" else "confirmed", checker.asked(one))
                for number, one in self.orders.items()
            },
            placements={key: Placement(number, answered=True) for key, number in self.placed.items()},
        )
        ending = Ending(
            sides={"monolith": side, "service": copy.deepcopy(side)},
            owners={(name, n): ("service",) for name, count in BUCKETS.items() for n in range(count)},
            outboxes={"legacy": 0, "orders": 0},
            set_aside={"legacy": 0, "orders": 0},
        )
        return History(events=self.events, stock=STOCK, ending=ending)

    def told(self, **what: Any) -> None:
        """Note a request; one shopper's do not overlap."""
        lost = what.pop("lost", False)
        answer = {"code": None, "gave_up": True, "order": None, "number": what.get("number", "")} if lost else {}
        if lost and what["act"] == "place":
            answer["number"] = ""
        began, ended = self.now - self.chance.uniform(0.1, 0.4), self.now + self.chance.uniform(0.1, 0.4)
        self.events.append(Event(**{"began": began, "ended": ended, "code": 200, **what, **answer}))

    def place(self, key: tuple[str, str] | None = None) -> None:
        who = key[0] if key else self.chance.choice(SHOPPERS)
        key = key or (who, f"k{len(self.keys)}")
        lines = self.keys.setdefault(
            key, {sku: self.chance.randint(1, 3) for sku in self.chance.sample(list(STOCK), self.chance.randint(1, 2))}
        )
        lost = self.chance.random() < 0.2
        common = {"who": who, "act": "place", "key": key[1], "lines": lines, "lost": lost}
        known = self.placed.get(key)
        if known is None and lost and self.chance.random() < 0.5:
            self.told(**common)
        elif known is None and any(self.stock[sku] < quantity for sku, quantity in lines.items()):
            self.told(**common, **({} if lost else {"problem": "insufficient-stock"}) | {"code": 409})
        else:
            if known is None:
                number = self.placed[key] = f"TC-{len(self.orders):04}"
                self.orders[number] = self._order(number, who, lines)
                self.bodies[key] = copy.deepcopy(self.orders[number])
                for sku, quantity in lines.items():
                    self.stock[sku] -= quantity
            self.told(
                **common,
                code=201,
                number=self.placed[key],
                order=self.bodies[key],
                replayed=known is not None,
            )

    def again(self) -> None:
        if self.keys:
            self.place(self.chance.choice(sorted(self.keys)))

    def cancel(self) -> None:
        if self.orders:
            order = self.orders[self.chance.choice(sorted(self.orders))]
            self._change(order, "cancelled", who=order["customer"], act="cancel")

    def status(self) -> None:
        if self.orders:
            order = self.orders[self.chance.choice(sorted(self.orders))]
            onward = {"placed": "paid", "paid": "shipped", "shipped": "delivered"}
            other = self.chance.choice(contract.STATUSES[1:4])
            to = other if self.chance.random() < 0.3 else onward.get(order["status"], other)
            self._change(order, to, who=STAFF, act="status")

    def edit(self) -> None:
        sku = self.chance.choice(list(STOCK))
        self.notes[sku] += 1
        self.told(who=STAFF, act="edit", sku=sku, note=self.notes[sku])

    def read(self) -> None:
        sku = self.chance.choice(list(STOCK))
        self.told(who=STAFF, act="product", sku=sku, note=self.notes[sku], stock={sku: self.stock[sku]})
        if self.orders:
            order = self.orders[self.chance.choice(sorted(self.orders))]
            self.now += 1.0
            reader = self.chance.choice((order["customer"], STAFF))
            self.told(who=reader, act="order", number=order["number"], order=copy.deepcopy(order))

    def all(self) -> None:
        who = self.chance.choice(SHOPPERS)
        mine = {number: one["status"] for number, one in self.orders.items() if one["customer"] == who}
        self.told(who=who, act="orders", listed=mine)

    def _change(self, order: dict[str, Any], to: str, *, who: str, act: str) -> None:
        lost = self.chance.random() < 0.1
        common = {"who": who, "act": act, "number": order["number"], "to": to, "lost": lost}
        if order["status"] != to and (order["status"], to) not in contract.TRANSITIONS:
            self.told(**common, code=409, problem="illegal-transition")
            return
        if order["status"] != to:
            order["status"] = to
            order["history"].append({"status": to, "at": self._time()})
            if to == "cancelled":
                for sku, quantity in checker.asked(order).items():
                    self.stock[sku] += quantity
        self.told(**common, order=copy.deepcopy(order))

    def _order(self, number: str, who: str, lines: dict[str, int]) -> dict[str, Any]:
        return {
            "number": number,
            "status": "placed",
            "placed_at": self._time(),
            "customer": who,
            "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in sorted(lines.items())],
            "total": {"amount": f"{2 * sum(lines.values())}.00"},
            "history": [{"status": "placed", "at": self._time()}],
        }

    def _time(self) -> str:
        return f"{self.now:012.3f}"


def made(chance: Random, steps: int = 60) -> History:
    return Model(chance).run(steps)


def kinds(history: History) -> set[str]:
    return {violation.kind for violation in checker.check(history)}


# By seed: drawing each choice by itself would take most of the time.
chances = st.integers(0, 2**32).map(Random)


@given(chances)
@settings(max_examples=60, deadline=None)
def test_a_shop_that_keeps_its_word_passes(chance: Random) -> None:
    history = made(chance)
    assert checker.check(history) == []


# What is wrong with a history: each takes a whole one apart, or says by `assume` that this one has no place for it.


def _sides(history: History, change: Callable[[Side], Side], *names: Owner) -> History:
    sides = dict(history.ending.sides)
    for name in names or ("monolith", "service"):
        sides[name] = change(copy.deepcopy(sides[name]))
    return replace(history, ending=replace(history.ending, sides=sides))


def _event(history: History, wanted: Callable[[Event], bool], **changes: Any) -> History:
    """Return the history with changes to the last event that is wanted."""
    found = [n for n, event in enumerate(history.events) if wanted(event)]
    assume(found)
    events = list(history.events)
    events[found[-1]] = replace(events[found[-1]], **changes)
    return replace(history, events=events)


def _acknowledged(act: str) -> Callable[[Event], bool]:
    return lambda event: event.act == act and event.acknowledged


def _without(side: Side, number: str) -> Side:
    return replace(side, orders={other: order for other, order in side.orders.items() if other != number})


def _told(history: History) -> Event:
    told = [event for event in history.events if _acknowledged("place")(event)]
    assume(told)
    return told[-1]


def lose_an_order(history: History) -> History:
    return _sides(history, lambda side: _without(side, _told(history).number))


def lose_an_order_at_one_side(history: History) -> History:
    return _sides(history, lambda side: _without(side, _told(history).number), "service")


def alter_an_order(history: History) -> History:
    number = _told(history).number

    def change(side: Side) -> Side:
        order = {**side.orders[number], "total": {"amount": "0.01"}}
        return replace(side, orders={**side.orders, number: order})

    return _sides(history, change)


def name_two_orders_for_a_key(history: History) -> History:
    told = _told(history)
    again = replace(told, number="TC-OTHER", replayed=True)
    return replace(history, events=[*history.events, again])


def place_an_order_twice(history: History) -> History:
    return replace(history, events=[*history.events, replace(_told(history), replayed=False)])


def give_two_keys_one_order(history: History) -> History:
    return replace(history, events=[*history.events, replace(_told(history), key="another")])


def place_what_nobody_asked_for(history: History) -> History:
    told = _told(history)
    ours = (told.who, told.key)
    return replace(
        history,
        events=[event for event in history.events if event.act != "place" or (event.who, event.key) != ours],
    )


def place_what_was_refused(history: History) -> History:
    told = _told(history)
    ours = (told.who, told.key)
    refused = replace(told, code=409, problem="insufficient-stock", order=None, number="")
    kept = [event for event in history.events if event.act != "place" or (event.who, event.key) != ours]
    return replace(history, events=[*kept, refused])


def forget_a_key(history: History) -> History:
    told = _told(history)
    ours = (told.who, told.key)

    def change(side: Side) -> Side:
        return replace(side, placements={key: one for key, one in side.placements.items() if key != ours})

    return _sides(history, change)


def lose_a_piece(history: History) -> History:
    return _sides(history, lambda side: replace(side, stock={**side.stock, "MANY": side.stock["MANY"] - 1}))


def give_stock_back_twice(history: History) -> History:
    cancelled = [order for order in history.ending.sides["monolith"].orders.values() if order["status"] == "cancelled"]
    assume(cancelled)

    def change(side: Side) -> Side:
        more = checker.asked(cancelled[0])
        return replace(side, stock={sku: count + more.get(sku, 0) for sku, count in side.stock.items()})

    return _sides(history, change)


def sell_too_much(history: History) -> History:
    told = _told(history)
    assume("FEW" in told.lines)
    return replace(history, stock={**history.stock, "FEW": 0})


def show_too_much_stock(history: History) -> History:
    return _event(history, lambda event: bool(event.stock), stock={"FEW": -1})


def refuse_without_reason(history: History) -> History:
    return _event(
        history, _acknowledged("place"), code=409, problem="insufficient-stock", lines={"MANY": 1}, order=None
    )


def hold_stock_for_nothing(history: History) -> History:
    def change(side: Side) -> Side:
        held = Reservation("held", {"MANY": 1})
        return replace(side, reservations={**side.reservations, "TC-NONE": held})

    return _sides(history, change)


def release_what_stands(history: History) -> History:
    standing = [o["number"] for o in history.ending.sides["monolith"].orders.values() if o["status"] != "cancelled"]
    assume(standing)

    def change(side: Side) -> Side:
        kept = replace(side.reservations[standing[0]], state="released")
        return replace(side, reservations={**side.reservations, standing[0]: kept})

    return _sides(history, change)


def _with_history(history: History, number: str, path: list[str]) -> History:
    def change(side: Side) -> Side:
        order = side.orders[number]
        times = [order["placed_at"], *(f"{10000.0 + n:012.3f}" for n in range(len(path)))]
        changes = [{"status": status, "at": at} for status, at in zip(path, times, strict=False)]
        return replace(side, orders={**side.orders, number: {**order, "status": path[-1], "history": changes}})

    return _sides(history, change)


def ship_what_was_not_paid(history: History) -> History:
    return _with_history(history, _told(history).number, ["placed", "shipped"])


def change_a_status_by_itself(history: History) -> History:
    number = _told(history).number
    assume(not any(event.number == number and event.to == "paid" for event in history.events))
    return _with_history(history, number, ["placed", "paid"])


def lose_a_status(history: History) -> History:
    told = [event for event in history.events if event.act in {"cancel", "status"} and event.acknowledged]
    assume(told)
    return _with_history(history, told[-1].number, ["placed"])


def let_a_status_go_back(history: History) -> History:
    told = [event for event in history.events if event.act == "status" and event.acknowledged and event.to == "shipped"]
    assume(told)
    late = max(event.ended for event in history.events) + 1
    again = replace(told[-1], to="paid", began=late, ended=late + 1, order=told[-1].order)
    return replace(history, events=[*history.events, again])


def show_what_never_was(history: History) -> History:
    read = [event for event in history.events if event.act == "order" and event.order]
    assume(read)
    strange = {**(read[-1].order or {}), "customer": "somebody else"}
    return _event(history, lambda event: event is read[-1], order=strange)


def answer_without_having_done_it(history: History) -> History:
    told = [event for event in history.events if event.act in {"cancel", "status"} and event.acknowledged]
    assume(told)
    order = told[-1].order or {}
    young = {**order, "status": "placed", "history": order["history"][:1]}
    return _event(history, lambda event: event is told[-1], order=young)


def hide_an_own_order(history: History) -> History:
    told = _told(history)
    late = max(event.ended for event in history.events) + 1
    read = Event(began=late, ended=late + 1, who=told.who, act="orders", code=200, listed={})
    return replace(history, events=[*history.events, read])


def show_an_own_order_as_it_was(history: History) -> History:
    told = [event for event in history.events if event.act in {"cancel", "status"} and event.acknowledged]
    assume(told)
    write = told[-1]
    order = write.order or {}
    late = max(event.ended for event in history.events) + 1
    old = {**order, "status": "placed", "history": order["history"][:1]}
    read = Event(began=late, ended=late + 1, who=write.who, act="order", code=200, number=write.number, order=old)
    return replace(history, events=[*history.events, read])


def hide_an_edit(history: History) -> History:
    told = [event for event in history.events if event.act == "edit"]
    assume(told)
    late = max(event.ended for event in history.events) + 1
    read = Event(began=late, ended=late + 1, who=STAFF, act="product", code=200, sku=told[-1].sku)
    return replace(history, events=[*history.events, read])


def lose_an_edit(history: History) -> History:
    assume(any(event.act == "edit" for event in history.events))
    return _sides(history, lambda side: replace(side, notes=dict.fromkeys(side.notes, 0)))


def show_a_421(history: History) -> History:
    return _event(history, lambda event: event.code == 200, code=421, problem="misdirected")


def fail_a_read(history: History) -> History:
    return _event(history, _acknowledged("order"), code=502, order=None)


def break_a_write(history: History) -> History:
    return _event(history, _acknowledged("edit"), code=None)


def forget_an_order_for_a_moment(history: History) -> History:
    return _event(history, _acknowledged("order"), code=404, problem="not-found", order=None)


def have_two_owners(history: History) -> History:
    both: dict[tuple[str, int], Any] = {**history.ending.owners, ("orders", 7): ("monolith", "service")}
    return replace(history, ending=replace(history.ending, owners=both))


def have_no_owner(history: History) -> History:
    none: dict[tuple[str, int], Any] = {**history.ending.owners, ("products", 0): ()}
    return replace(history, ending=replace(history.ending, owners=none))


def _ending(**changes: Any) -> Callable[[History], History]:
    return lambda history: replace(history, ending=replace(history.ending, **changes))


FLAWS: dict[Callable[[History], History], str] = {
    lose_an_order: "order lost",
    lose_an_order_at_one_side: "sides differ",
    alter_an_order: "order differs",
    name_two_orders_for_a_key: "key answered twice",
    place_an_order_twice: "order new twice",
    give_two_keys_one_order: "order of two keys",
    place_what_nobody_asked_for: "order nobody asked for",
    place_what_was_refused: "order nobody asked for",
    forget_a_key: "order without a key",
    lose_a_piece: "stock",
    give_stock_back_twice: "stock",
    sell_too_much: "oversold",
    show_too_much_stock: "stock shown",
    refuse_without_reason: "refused without reason",
    hold_stock_for_nothing: "reservation",
    release_what_stands: "reservation",
    ship_what_was_not_paid: "history",
    change_a_status_by_itself: "status nobody asked for",
    lose_a_status: "status lost",
    let_a_status_go_back: "status went back",
    show_what_never_was: "never was so",
    answer_without_having_done_it: "not done",
    hide_an_own_order: "own write not seen",
    show_an_own_order_as_it_was: "own write not seen",
    hide_an_edit: "own write not seen",
    lose_an_edit: "edit lost",
    show_a_421: "421 seen",
    fail_a_read: "read failed",
    break_a_write: "write failed",
    forget_an_order_for_a_moment: "unexpected answer",
    have_two_owners: "owners",
    have_no_owner: "owners",
    _ending(outboxes={"legacy": 1}): "outbox",
    _ending(set_aside={"orders": 1}): "set aside",
    _ending(unwell=["two owners"]): "doctor",
    _ending(differences=["an order"]): "reconcile",
}


@pytest.mark.parametrize(
    ("flaw", "kind"), [pytest.param(flaw, kind, id=f"{n} {kind}") for n, (flaw, kind) in enumerate(FLAWS.items())]
)
@given(chance=chances)
@settings(max_examples=8, deadline=None)
def test_a_flaw_is_found(flaw: Callable[[History], History], kind: str, chance: Random) -> None:
    assert kind in kinds(flaw(made(chance)))


@pytest.mark.parametrize(
    ("flaw", "component", "kind"),
    [
        (fail_a_read, "gateway", "read failed"),
        (break_a_write, "move", "write failed"),
        (forget_an_order_for_a_moment, "orders", "unexpected answer"),
        (hide_an_edit, "postgres", "own write not seen"),
    ],
)
@given(chance=chances)
@settings(max_examples=8, deadline=None)
def test_what_was_down_excuses_what_it_can_be_the_reason_for(
    flaw: Callable[[History], History], component: Any, kind: str, chance: Random
) -> None:
    history = flaw(made(chance))
    whole = [Outage(component, float("-inf"), float("inf"))]
    assert kind not in kinds(replace(history, outages=whole))
    assert kind in kinds(replace(history, outages=[Outage("sync", float("-inf"), float("inf"))]))
    assert kind in kinds(replace(history, outages=[Outage(component, -2.0, -1.0)]))


@given(chance=chances)
@settings(max_examples=8, deadline=None)
def test_nothing_excuses_a_lost_order(chance: Random) -> None:
    everything: list[Any] = ["move", "sync", "gateway", "legacy", "products", "orders", "postgres"]
    outages = [Outage(component, float("-inf"), float("inf")) for component in everything]
    assert "order lost" in kinds(replace(lose_an_order(made(chance)), outages=outages))
