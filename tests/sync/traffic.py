"""Writers that follow ownership as the gateway does, and remember what was acknowledged; and what must hold then."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import psycopg

from services.sync.databases import connect
from services.sync.mapping.capabilities import CAPABILITIES, Side, other
from services.sync.mapping.orders import LETTERS
from services.sync.relay import Relay, depth
from tests.sync import write
from tests.sync.write import Connection

CUSTOMERS = 60
SKUS = ("A-1", "B-2", "C-3")
STOCK = 1_000_000
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A write that a side has committed."""

    what: str
    side: Side
    bucket: int
    epoch: int


@dataclass(slots=True)
class Traffic:
    """Threads that write until told to stop, each to the side that it believes to own."""

    capability: str
    threads: int = 3
    every: float = 0.02
    """Seconds from one thread's round to its next, if it keeps up: an order, say, and the payment of the one before."""
    pays: bool = True
    """Whether every order is paid, in the round after."""
    acknowledged: list[Acknowledged] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Writes whose connection was lost: they may have been committed."""
    paid: list[str] = field(default_factory=list)
    hops: int = 0
    longest: float = 0.0
    """Seconds that one attempt took at most, however it ended."""
    slowest: float = 0.0
    """Seconds that a write took at most, with all its attempts."""
    rounds: int = 0
    seconds: float = 0.0
    """From the first to the last."""
    errors: list[BaseException] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _serial: int = 0

    def __enter__(self) -> Self:
        self._running = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(self.threads)]
        self.seconds = -time.monotonic()
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join(30)
        self.seconds += time.monotonic()
        if error is None and self.errors:
            raise self.errors[0]

    def progress(self, number: int = 10) -> None:
        """Return when so many more writes have been acknowledged."""
        wanted = len(self.acknowledged) + number
        until = time.monotonic() + _PATIENCE
        while len(self.acknowledged) < wanted:
            assert not self.errors, self.errors
            assert time.monotonic() < until, "nobody accepts writes"
            time.sleep(0.005)

    @property
    def rate(self) -> float:
        """Rounds a second."""
        return self.rounds / self.seconds

    def _run(self, number: int) -> None:
        try:
            _Writer(self, number).run()
        except BaseException as error:
            self.errors.append(error)

    def stopped(self) -> bool:
        return self._stop.is_set()

    def serial(self) -> int:
        with self.lock:
            self._serial += 1
            return self._serial


@dataclass(slots=True)
class _Writer:
    traffic: Traffic
    number: int
    side: Side = "monolith"
    connections: dict[Side, Connection] = field(default_factory=dict)
    last: str | None = None
    """The order placed before."""

    def run(self) -> None:
        chance = random.Random(self.number)
        due = time.monotonic()
        try:
            while not self.traffic.stopped():
                with self.traffic.lock:
                    self.traffic.rounds += 1
                if self.traffic.capability == "products":
                    sku = chance.choice(SKUS)
                    self._write(f"{sku} {self.traffic.serial()}", lambda c, s, sku=sku: self._take(c, s, sku))
                else:
                    self._place(f"c-{chance.randrange(CUSTOMERS)}")
                due = max(due + self.traffic.every, time.monotonic() - 1.0)
                time.sleep(max(0.0, due - time.monotonic()))
        finally:
            for connection in self.connections.values():
                connection.close()

    def _take(self, connection: Connection, side: Side, sku: str) -> None:
        assert write.change_stock(connection, side, sku=sku, by=-1) == 1

    def _place(self, customer: str) -> None:
        order = f"W{self.number}-{self.traffic.serial():06}"
        placed = self._write(order, lambda c, s: self._insert(c, s, order, customer))
        if self.traffic.pays and self.last is not None:
            before = self.last
            # Placed perhaps at the other side, a moment ago.
            if self._write(f"{before} paid", lambda c, s: self._pay(c, s, before)):
                self.traffic.paid.append(before)
        self.last = order if placed else None

    def _insert(self, connection: Connection, side: Side, order: str, customer: str) -> None:
        with connection.pipeline():
            write.order(connection, side, number=order, customer=customer)

    def _pay(self, connection: Connection, side: Side, order: str) -> None:
        if not _known(connection, side, order):
            # This side may never have heard of it, which a read of the one that owns it would not say.
            raise _Elsewhere
        assert write.move(connection, side, number=order, status="paid") == 1

    def _write(self, what: str, statements: Any) -> bool:
        """Write at whoever owns, and return whether that was acknowledged."""
        refused = 0
        asked = time.monotonic()
        until = asked + _PATIENCE
        while True:
            began = time.monotonic()
            sent = False
            try:
                connection = self._connection(self.side)
                with connection.transaction():
                    statements(connection, self.side)
                    bucket, epoch = self._position(connection)
                    sent = True
                self.traffic.slowest = max(self.traffic.slowest, time.monotonic() - asked)
                self.traffic.acknowledged.append(Acknowledged(what, self.side, bucket, epoch))
                return True
            except psycopg.OperationalError:
                with suppress(KeyError):
                    self.connections.pop(self.side).close()
                if sent:
                    self.traffic.unknown.append(what)
                    return False
                time.sleep(0.02)
            except (psycopg.Error, _Elsewhere) as error:
                if not isinstance(error, _Elsewhere) and error.sqlstate != "TC421":
                    raise
                self.traffic.hops += 1
                refused += 1
                self.side = other(self.side)
                if refused % 2 == 0:
                    time.sleep(0.005)
            finally:
                self.traffic.longest = max(self.traffic.longest, time.monotonic() - began)
            assert time.monotonic() < until, f"{what}: nobody owns it for {_PATIENCE} s"

    def _connection(self, side: Side) -> Connection:
        if side not in self.connections:
            self.connections[side] = connect(CAPABILITIES[self.traffic.capability].component(side), name="writer")
        return self.connections[side]

    def _position(self, connection: Connection) -> tuple[int, int]:
        """Return the bucket and the epoch of what this transaction has written last."""
        row = connection.execute(
            "SELECT bucket, epoch FROM ownership_outbox"
            " WHERE transaction = pg_current_xact_id() AND capability = %s ORDER BY id DESC LIMIT 1",
            [self.traffic.capability],
        ).fetchone()
        assert row, "what was written was not recorded"
        return row[0], row[1]


class _Elsewhere(Exception):
    pass


def begin(capability: str, side: Side = "monolith") -> None:
    """Write what writers need to be there."""
    with connect(CAPABILITIES[capability].component(side)) as connection:
        if capability == "products":
            for sku in SKUS:
                write.product(connection, side, sku=sku, stock=STOCK)
        else:
            write.order(connection, side, number=write.number(), customer="c-0")


def relay(capability: str) -> None:
    """Relay in both directions until nothing is left; what was set aside fails."""
    known = CAPABILITIES[capability]
    sides: tuple[Side, ...] = ("monolith", "service")
    for origin in sides:
        with connect(known.component(origin)) as sender, connect(known.component(other(origin))) as receiver:
            carrier = Relay(capability=known, origin=origin, sender=sender, receiver=receiver)
            while carrier.step().read:
                pass
            left = depth(sender, known)
            assert (left.waiting, left.set_aside) == (0, 0), sender.execute(
                "SELECT root, key, reason FROM ownership_outbox LIMIT 3"
            ).fetchall()


def one_owner(capability: str) -> dict[int, tuple[Side, int]]:
    """Return every bucket's owner and epoch, having made sure that there is exactly one, with the highest epoch."""
    known = CAPABILITIES[capability]
    sides: tuple[Side, ...] = ("monolith", "service")
    said = {}
    for side in sides:
        with connect(known.component(side)) as connection:
            rows = connection.execute(
                "SELECT bucket, owner, epoch FROM ownership_bucket WHERE capability = %s", [capability]
            ).fetchall()
            said[side] = {bucket: (owner, epoch) for bucket, owner, epoch in rows}
    found = {}
    for bucket in said["monolith"]:
        owners = [side for side in sides if said[side][bucket][0] == "self"]
        assert len(owners) == 1, f"bucket {bucket}: {said['monolith'][bucket]}, {said['service'][bucket]}"
        owner = owners[0]
        its, others = said[owner][bucket], said[other(owner)][bucket]
        assert others[0] == "peer" and others[1] <= its[1], f"bucket {bucket}: {its}, {others}"
        found[bucket] = (owner, its[1])
    return found


def nothing_lost(traffic: Traffic) -> None:
    """Make sure that every acknowledged write is at both sides, once, and nothing else is; writers have stopped."""
    assert traffic.acknowledged
    eras: dict[tuple[int, int], set[Side]] = defaultdict(set)
    for one in traffic.acknowledged:
        eras[one.bucket, one.epoch].add(one.side)
    assert all(len(sides) == 1 for sides in eras.values()), "two sides accepted writes in one epoch"
    whats = [one.what for one in traffic.acknowledged]
    assert len(whats) == len(set(whats)), "a write was accepted twice"
    relay(traffic.capability)
    if traffic.capability == "products":
        _stock_is_conserved(traffic)
    else:
        _orders_are_there(traffic)


def _stock_is_conserved(traffic: Traffic) -> None:
    for sku in SKUS:
        taken = sum(one.what.startswith(f"{sku} ") for one in traffic.acknowledged)
        unknown = sum(what.startswith(f"{sku} ") for what in traffic.unknown)
        with connect("legacy") as legacy, connect("products") as products:
            here = legacy.execute("SELECT qty FROM catalogue_product WHERE code = %s", [sku]).fetchone()
            there = products.execute("SELECT stock FROM products_product WHERE sku = %s", [sku]).fetchone()
        assert here == there, f"{sku}: {here} at the monolith, {there} at the service"
        assert here and STOCK - taken - unknown <= here[0] <= STOCK - taken, f"{sku}: {here}, {taken} taken"


def _orders_are_there(traffic: Traffic) -> None:
    with connect("legacy") as legacy, connect("orders") as orders:
        words = {letter: word for word, letter in LETTERS.items()}
        here = {
            number: (words[status], lines, changes)
            for number, status, lines, changes in legacy.execute(
                "SELECT order_no, status, (SELECT count(*) FROM sales_orderline l WHERE l.order_id = o.id),"
                " (SELECT count(*) FROM sales_statuschange c WHERE c.order_id = o.id) FROM sales_order o"
            )
        }
        there = {
            number: (status, lines, changes)
            for number, status, lines, changes in orders.execute(
                "SELECT number, status, (SELECT count(*) FROM orders_orderline l WHERE l.order_id = o.id),"
                " (SELECT count(*) FROM orders_statuschange c WHERE c.order_id = o.id) FROM orders_order o"
            )
        }
    assert here == there
    placed = {one.what for one in traffic.acknowledged if not one.what.endswith(" paid")}
    assert placed <= set(here)
    written = {number for number in here if number.startswith("W")}
    assert written <= placed | {what for what in traffic.unknown if not what.endswith(" paid")}
    assert {number for number in traffic.paid if here[number] != ("paid", 2, 2)} == set()


def _known(connection: Connection, side: Side, order: str) -> bool:
    table, column = ("sales_order", "order_no") if side == "monolith" else ("orders_order", "number")
    row = connection.execute(f"SELECT FROM {table} WHERE {column} = %s", [order]).fetchone()
    return row is not None
