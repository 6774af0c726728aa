"""services.sync.relay and services.sync.apply, between two real databases."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import pytest
from psycopg.sql import SQL, Composable, Identifier

from services.sync.apply import Change, apply, latest
from services.sync.databases import Connection, connect
from services.sync.mapping.capabilities import ORDERS, PRODUCTS, Capability, Side, other
from services.sync.relay import NotDrained, Relay, Step, depth, retry
from services.sync.tables import Table
from tests.sync import write
from tests.sync.conftest import Databases

SALT: Final = "salt"
BOTH_WAYS: Final[Sequence[Side]] = ("monolith", "service")


@dataclass
class Link:
    """The two databases of a capability, and relays between them."""

    capability: Capability
    monolith: Connection
    service: Connection
    stack: ExitStack = field(repr=False)

    def at(self, side: Side) -> Connection:
        return self.monolith if side == "monolith" else self.service

    def relay(self, origin: Side = "monolith", kind: type[Relay] = Relay) -> Relay:
        """Return a relay with connections of its own, as a new process has."""
        sender, receiver = (
            self.stack.enter_context(connect(self.capability.component(side))) for side in (origin, other(origin))
        )
        return kind(capability=self.capability, origin=origin, sender=sender, receiver=receiver)

    def outbox(self, side: Side = "monolith") -> list[Change]:
        rows = self.at(side).execute(
            "SELECT id, bucket, epoch, aggregate, root, key, op = 'D', payload::text FROM ownership_outbox"
            " WHERE capability = %s ORDER BY id",
            [self.capability.name],
        )
        return [Change(*row) for row in rows]

    def give(self, side: Side, buckets: Sequence[int] | None = None) -> None:
        """Let a side own these buckets, or all of them; the other none of these."""
        for here in BOTH_WAYS:
            self.at(here).execute(
                "UPDATE ownership_bucket SET owner = %s, epoch = epoch + 1"
                " WHERE capability = %s AND (%s::int[] IS NULL OR bucket = ANY(%s))",
                ["self" if here == side else "peer", self.capability.name, buckets, buckets],
            )

    def unequal(self) -> Mapping[str, tuple[set[Any], set[Any]]]:
        """Return by aggregate what only the monolith holds and what only the service holds, in the service's words."""
        found = {}
        for pair in self.capability.pairs:
            table = pair.service.table
            compared = [n for n, c in enumerate(table.columns) if not c.own and c.name not in table.source_only]
            ours = [pair.monolith.mapped(pair.monolith.make(row)) for row in _held(self.monolith, pair.monolith.table)]
            theirs = _held(self.service, table)
            one, two = ({tuple(row[n] for n in compared) for row in rows} for rows in (ours, theirs))
            if one != two:
                found[pair.aggregate] = (one - two, two - one)
        return found


@contextmanager
def linked(capability: Capability) -> Iterator[Link]:
    with ExitStack() as stack:
        ends = [stack.enter_context(connect(capability.component(side))) for side in BOTH_WAYS]
        for end in ends:
            end.execute(
                "UPDATE ownership_capability SET salt = %s, capturing = true WHERE name = %s", [SALT, capability.name]
            )
        yield Link(capability, ends[0], ends[1], stack)


@pytest.fixture
def orders(clean: Databases) -> Iterator[Link]:
    with linked(ORDERS) as link:
        yield link


@pytest.fixture
def products(clean: Databases) -> Iterator[Link]:
    with linked(PRODUCTS) as link:
        yield link


def _held(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """Return the table's rows in natural terms."""
    columns: list[Composable] = [
        SQL("(SELECT p.{} FROM {} AS p WHERE p.id = t.{})").format(
            Identifier(column.its), Identifier(column.refers_to), Identifier(column.stored)
        )
        if column.refers_to
        else Identifier("t", column.stored)
        for column in table.columns
    ]
    return connection.execute(
        SQL("SELECT {} FROM {} AS t").format(SQL(", ").join(columns), Identifier(table.name))
    ).fetchall()


def _until_empty(relay: Relay, limit: int = 1000) -> Step:
    """Relay until there is nothing to read, and return what that came to."""
    read = applied = set_aside = 0
    while (step := relay.step(limit)).read:
        read, applied, set_aside = read + step.read, applied + step.applied, set_aside + step.set_aside
    return Step(read, applied, set_aside, 0.0)


def _bucket(link: Link, customer: str) -> int:
    row = link.monolith.execute("SELECT ownership_bucket_of('orders', %s)", [customer]).fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("origin", BOTH_WAYS)
def test_orders_reach_the_other_side_and_leave_the_outbox(orders: Link, origin: Side) -> None:
    orders.give(origin)
    owner = orders.at(origin)
    for number in ("T-0001", "T-0002"):
        write.order(owner, origin, number=number, customer="c-1")
        write.key(owner, origin, customer="c-1", key=number, number=number)
        write.change_key(owner, origin, customer="c-1", key=number, answer="{}")
    write.move(owner, origin, number="T-0001", status="paid")
    assert _until_empty(orders.relay(origin)).set_aside == 0
    assert not orders.unequal()
    write.delete_order(owner, origin, number="T-0001")
    write.change_key(owner, origin, customer="c-1", key="T-0002", number="T-0003")
    write.delete_key(owner, origin, customer="c-1", key="T-0001")
    _until_empty(orders.relay(origin))
    assert not orders.unequal()
    assert not orders.outbox(origin)


@pytest.mark.parametrize("origin", BOTH_WAYS)
def test_products_reach_the_other_side_and_leave_the_outbox(products: Link, origin: Side) -> None:
    products.give(origin)
    owner = products.at(origin)
    write.category(owner, origin, slug="shelf")
    write.product(owner, origin, sku="A-1", category="shelf")
    write.product(owner, origin, sku="B-2")
    write.reservation(owner, origin, number="T-0001", customer="c-1", lines={"A-1": 2, "B-2": 1})
    write.settle(owner, origin, number="T-0001", state="confirmed")
    assert _until_empty(products.relay(origin)).set_aside == 0
    assert not products.unequal()
    assert not products.outbox(origin)


@pytest.mark.parametrize("origin", BOTH_WAYS)
def test_what_was_applied_is_not_recorded_as_a_change_of_the_receiver(orders: Link, origin: Side) -> None:
    orders.give(origin)
    write.order(orders.at(origin), origin, number="T-0001", customer="c-1")
    _until_empty(orders.relay(origin))
    assert not orders.outbox(other(origin))


def test_a_state_is_taken_over_however_it_was_reached(orders: Link) -> None:
    write.order(orders.monolith, "monolith", number="T-0001", customer="c-1")
    relay = orders.relay()
    _until_empty(relay)
    for status in ("paid", "shipped", "delivered"):
        write.move(orders.monolith, "monolith", number="T-0001", status=status)
    # The last change of the order alone is written: at the other side a step that no order may take.
    assert _until_empty(relay).set_aside == 0
    assert not orders.unequal()


def test_applying_twice_changes_nothing(orders: Link) -> None:
    write.order(orders.monolith, "monolith", number="T-0001", customer="c-1")
    write.key(orders.monolith, "monolith", customer="c-1", key="k", number="T-0001")
    write.delete_key(orders.monolith, "monolith", customer="c-1", key="k")
    changes = orders.outbox()
    written = [
        apply(orders.service, capability=ORDERS, origin="monolith", changes=some).written
        for some in (changes, changes, changes[:3], changes[-1:])
    ]
    assert written == [5, 0, 0, 0]


def test_an_older_change_does_not_undo_a_deletion(orders: Link) -> None:
    write.key(orders.monolith, "monolith", customer="c-1", key="k", number="T-0001")
    write.delete_key(orders.monolith, "monolith", customer="c-1", key="k")
    made, deleted = orders.outbox()
    apply(orders.service, capability=ORDERS, origin="monolith", changes=[deleted])
    apply(orders.service, capability=ORDERS, origin="monolith", changes=[made])
    assert orders.service.execute("SELECT count(*) FROM orders_idempotencykey").fetchone() == (0,)


def test_of_one_key_the_last_change_counts_by_epoch_first() -> None:
    def change(epoch: int, number: int, key: str) -> Change:
        return Change(number, 0, epoch, "product", "r", key, deleted=False, payload="{}")

    old, new, other_key = change(1, 9, "a"), change(2, 5, "a"), change(1, 7, "b")
    assert latest([old, other_key, new]) == [new, other_key]
    assert latest([new, other_key, old]) == [new, other_key]


def test_a_transaction_is_applied_in_one_piece_where_the_batch_allows(orders: Link) -> None:
    with orders.monolith.transaction():
        write.order(orders.monolith, "monolith", number="T-0001", customer="c-1")
    write.order(orders.monolith, "monolith", number="T-0002", customer="c-1")
    relay = orders.relay()
    assert relay.step(2).read == 4
    assert relay.step(2).read == 2
    _until_empty(relay)
    with orders.monolith.transaction():
        for number in ("T-0003", "T-0004", "T-0005"):
            write.order(orders.monolith, "monolith", number=number, customer="c-1")
    assert relay.step(2).read == 10


def test_nothing_arrives_before_what_it_refers_to(orders: Link) -> None:
    with connect("legacy") as slow:
        with slow.transaction():
            write.key(slow, "monolith", customer="c-1", key="k", number="T-0009")
            write.order(orders.monolith, "monolith", number="T-0001", customer="c-1")
            write.status_change(slow, "monolith", number="T-0001", status="paid")
        # The first change of the outbox and the last are of one transaction, the order between them of another.
        relay = orders.relay()
        assert relay.step(1).set_aside == 0
        assert _until_empty(relay).set_aside == 0
        assert not orders.unequal()


def test_a_row_that_cannot_be_applied_holds_up_its_own_order_alone(orders: Link) -> None:
    owner = orders.monolith
    write.order(owner, "monolith", number="T-0001", customer="c-1")
    write.order(owner, "monolith", number="T-0002", customer="c-1", lines=[("no such sku", 1, 1)])
    for number in ("T-0003", "T-0004", "T-0005"):
        write.order(owner, "monolith", number=number, customer="c-1")
    relay = orders.relay()
    assert _until_empty(relay).set_aside == 3
    write.move(owner, "monolith", number="T-0002", status="paid")
    write.move(owner, "monolith", number="T-0001", status="paid")
    assert _until_empty(relay).set_aside == 0
    assert {change.root for change in orders.outbox()} == {"T-0002"}
    held = depth(owner, ORDERS)
    assert (held.waiting, held.set_aside) == (2, 3)
    assert held.age > 0
    reasons = owner.execute("SELECT DISTINCT reason FROM ownership_outbox WHERE failed_at IS NOT NULL").fetchall()
    assert len(reasons) == 1
    assert "order_line_sku" in reasons[0][0]
    assert "\n" not in reasons[0][0]

    # It is put right at its owner; the relay brings that as soon as it is asked to try again.
    owner.execute("UPDATE sales_orderline SET code = 'A-1' WHERE code = 'no such sku'")
    assert retry(owner, ORDERS, ["T-0001"]) == 0
    assert retry(owner, ORDERS, ["T-0002"]) == 3
    assert _until_empty(relay).set_aside == 0
    assert not orders.unequal()


def test_a_word_that_the_mapping_does_not_know_is_set_aside_too(orders: Link) -> None:
    write.order(orders.monolith, "monolith", number="T-0001", customer="c-1")
    write.order(orders.monolith, "monolith", number="T-0002", customer="c-1")
    orders.monolith.execute(
        'UPDATE ownership_outbox SET payload = payload || \'{"status": "?"}\''
        " WHERE aggregate = 'order' AND root = 'T-0001'"
    )
    assert _until_empty(orders.relay()).set_aside == 4
    assert depth(orders.monolith, ORDERS).set_aside == 4


def test_what_refers_to_a_row_that_is_not_there_yet_is_tried_again(products: Link) -> None:
    products.monolith.execute("UPDATE ownership_capability SET capturing = false WHERE name = 'products'")
    write.category(products.monolith, "monolith", slug="shelf")
    products.monolith.execute("UPDATE ownership_capability SET capturing = true WHERE name = 'products'")
    write.product(products.monolith, "monolith", sku="A-1", category="shelf")
    relay = products.relay()
    assert relay.step().set_aside == 1
    assert products.monolith.execute("SELECT reason FROM ownership_outbox").fetchone() == (
        "waits for products_category shelf",
    )
    # As a backfill brings it.
    with products.service.transaction():
        products.service.execute("SET LOCAL techcommerce.applying = 'on'")
        write.category(products.service, "service", slug="shelf")
    deadline = time.monotonic() + 10
    while products.outbox() and time.monotonic() < deadline:
        relay.step()
        time.sleep(0.05)
    assert not products.unequal()


def test_a_receiver_that_owns_the_bucket_is_not_overwritten(orders: Link) -> None:
    for customer in ("c-1", "c-2"):
        write.order(orders.monolith, "monolith", number=f"T-00{customer[-1]}", customer=customer)
    assert _bucket(orders, "c-1") != _bucket(orders, "c-2")
    orders.service.execute("UPDATE ownership_bucket SET owner = 'self' WHERE bucket = %s", [_bucket(orders, "c-1")])
    assert _until_empty(orders.relay()).set_aside == 4
    assert orders.service.execute("SELECT customer FROM orders_order").fetchall() == [("c-2",)]
    reasons = orders.monolith.execute("SELECT DISTINCT root, reason FROM ownership_outbox").fetchall()
    assert reasons == [("T-001", "this side owns it")]


def test_a_receiver_that_is_down_loses_nothing(orders: Link) -> None:
    relay = orders.relay()
    write.order(orders.monolith, "monolith", number="T-0001", customer="c-1")
    orders.service.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND usename = current_user AND datname = current_database()"
    )
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            relay.step()
    write.order(orders.monolith, "monolith", number="T-0002", customer="c-1")
    held = depth(orders.monolith, ORDERS)
    assert (held.waiting, held.set_aside) == (8, 0)
    assert _until_empty(orders.relay()).read == 8
    assert not orders.unequal()


def test_draining_carries_the_buckets_that_it_is_told_and_says_when_it_cannot(orders: Link) -> None:
    mine, others = _bucket(orders, "c-1"), _bucket(orders, "c-2")
    write.order(orders.monolith, "monolith", number="T-0001", customer="c-1")
    write.order(orders.monolith, "monolith", number="T-0002", customer="c-2", lines=[("no such sku", 1, 1)])
    relay = orders.relay()
    relay.drain([mine], time.monotonic() + 5)
    assert {change.bucket for change in orders.outbox()} == {others}
    with pytest.raises(NotDrained, match="set aside"):
        relay.drain([mine, others], time.monotonic() + 5)
    write.order(orders.monolith, "monolith", number="T-0003", customer="c-1")
    with pytest.raises(NotDrained, match="still to be applied"):
        relay.drain([mine], time.monotonic())


def test_draining_waits_no_longer_than_it_may_for_whoever_else_applies(orders: Link) -> None:
    write.order(orders.monolith, "monolith", number="T-0001", customer="c-1")
    with orders.service.transaction():
        orders.service.execute("SELECT pg_advisory_xact_lock(hashtextextended('techcommerce.apply.orders', 0))")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            orders.relay().drain([_bucket(orders, "c-1")], time.monotonic() + 0.2)
    assert len(orders.outbox()) == 4


class Killed(Exception):
    pass


class Mortal(Relay):
    """A relay that now and then dies after the receiver's commit."""

    chance = random.Random(0)

    def _forget(self, ids: Sequence[int]) -> None:
        if self.chance.random() < 0.2:
            raise Killed
        super()._forget(ids)


def _relaying(link: Link, origin: Side, chance: random.Random, stop: threading.Event) -> None:
    """This will relay in small steps, dying now and then, until told to stop and nothing is left."""
    relay = link.relay(origin, Mortal)
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    moments: dict[str, Any] = {}
    while True:
        stopping = stop.is_set()
        try:
            step = relay.step(chance.randint(1, 12))
        except Killed:
            relay = link.relay(origin, Mortal)
            continue
        finally:
            _require_forward(link, other(origin), seen, moments)
        assert step.set_aside == 0, (
            link.at(origin)
            .execute("SELECT reason, root, aggregate FROM ownership_outbox WHERE failed_at IS NOT NULL")
            .fetchall()
        )
        if stopping and not step.read:
            return
        if not step.read:
            time.sleep(0.002)


def _require_forward(
    link: Link, receiver: Side, seen: dict[tuple[str, str], tuple[int, int]], moments: dict[str, Any]
) -> None:
    """This will fail when a key has come less far than it was seen to have."""
    noted = link.at(receiver).execute(
        "SELECT aggregate, key, epoch, seq FROM ownership_applied WHERE capability = %s", [link.capability.name]
    )
    for aggregate, key, epoch, seq in noted:
        assert seen.get((aggregate, key), (0, 0)) <= (epoch, seq)
        seen[aggregate, key] = (epoch, seq)
    if link.capability is PRODUCTS:
        query = {
            "monolith": "SELECT code, modified FROM catalogue_product",
            "service": "SELECT sku, updated_at FROM products_product",
        }[receiver]
        for sku, moment in link.at(receiver).execute(query):
            assert moments.get(sku, moment) <= moment
            moments[sku] = moment


Act = Callable[[Connection, Side, random.Random], object]
STATUSES: Final = ("paid", "shipped", "delivered", "cancelled", "refunded")


def _customer(chance: random.Random) -> str:
    return f"c-{chance.randint(1, 6)}"


def _order(connection: Connection, side: Side, chance: random.Random) -> None:
    number = f"T-{chance.randint(1, 12):04}"
    # Of a number, always the same customer's.
    write.order(connection, side, number=number, customer=f"c-{int(number[2:]) % 6 + 1}")


def _order_and_key(connection: Connection, side: Side, chance: random.Random) -> None:
    customer, key = _customer(chance), f"k{chance.randint(1, 3)}"
    write.key(connection, side, customer=customer, key=key, number=write.number())
    if chance.random() < 0.5:
        write.change_key(connection, side, customer=customer, key=key, answer=f"{chance.random()}")


ORDER_ACTS: Final[Sequence[Act]] = (
    _order,
    _order_and_key,
    lambda c, side, chance: write.move(c, side, number=f"T-{chance.randint(1, 12):04}", status=chance.choice(STATUSES)),
    lambda c, side, chance: write.delete_order(c, side, number=f"T-{chance.randint(1, 12):04}"),
    lambda c, side, chance: write.change_key(
        c, side, customer=_customer(chance), key=f"k{chance.randint(1, 3)}", number=write.number()
    ),
    lambda c, side, chance: write.delete_key(c, side, customer=_customer(chance), key=f"k{chance.randint(1, 3)}"),
)
PRODUCT_ACTS: Final[Sequence[Act]] = (
    lambda c, side, chance: write.product(
        c, side, sku=f"A-{chance.randint(1, 6)}", category=chance.choice(["x", "y", None]), stock=9
    ),
    lambda c, side, chance: write.category(c, side, slug=chance.choice("xy")),
    lambda c, side, chance: write.change_stock(c, side, sku=f"A-{chance.randint(1, 6)}", by=chance.choice([-3, 1, 2])),
    lambda c, side, chance: c.execute(
        "UPDATE catalogue_product SET qty = qty + 1, modified = clock_timestamp()"
        if side == "monolith"
        else "UPDATE products_product SET stock = stock + 1, updated_at = clock_timestamp()"
    ),
    lambda c, side, chance: write.reservation(
        c,
        side,
        number=f"T-{chance.randint(1, 99):04}",
        customer="c-1",
        lines={f"A-{chance.randint(1, 6)}": chance.randint(1, 3) for _ in range(2)},
    ),
    lambda c, side, chance: write.settle(
        c, side, number=f"T-{chance.randint(1, 99):04}", state=chance.choice(["confirmed", "released"])
    ),
)


def _writing(component: str, side: Side, acts: Sequence[Act], chance: random.Random, transactions: int) -> None:
    """This will act in transactions that overlap with others', some of which come to nothing, wholly or in part."""
    with connect(component) as connection:
        # Two that wait for each other would do so for a second.
        connection.execute("SET lock_timeout = '50ms'")
        for _ in range(transactions):
            try:
                with connection.transaction(force_rollback=chance.random() < 0.15):
                    for _ in range(chance.randint(1, 4)):
                        _attempt(connection, side, chance.choice(acts), chance)
                        if chance.random() < 0.2:
                            time.sleep(0.002)
            except psycopg.Error:
                # Deadlocks, and what is checked at the end.
                continue


def _attempt(connection: Connection, side: Side, act: Act, chance: random.Random) -> None:
    try:
        with connection.transaction(force_rollback=chance.random() < 0.1):
            act(connection, side, chance)
    except psycopg.OperationalError:
        raise
    except psycopg.DatabaseError:
        # A state that cannot be reached, a number that is taken, an owner that is another.
        pass


@pytest.mark.parametrize("seed", range(3))
def test_both_sides_are_equal_in_the_end_whatever_writers_do_and_whenever_the_relay_dies(
    clean: Databases, seed: int
) -> None:
    with linked(ORDERS) as orders, linked(PRODUCTS) as products:
        written = _under_writers(
            seed,
            relays=[(orders, "monolith"), (products, "monolith")],
            writers=[("legacy", "monolith", acts) for acts in (ORDER_ACTS, ORDER_ACTS, PRODUCT_ACTS, PRODUCT_ACTS)],
        )
        assert written > 100
        for link in (orders, products):
            assert not link.unequal()
            assert not link.outbox("monolith")
            assert not link.outbox("service")


def test_both_directions_run_at_once_when_buckets_are_divided(orders: Link) -> None:
    orders.give("service", [_bucket(orders, f"c-{n}") for n in (1, 3, 5)])
    written = _under_writers(
        7,
        relays=[(orders, "monolith"), (orders, "service")],
        # What a side does not own it refuses, and half of what is tried there is.
        writers=[(ORDERS.component(side), side, ORDER_ACTS) for side in (*BOTH_WAYS, *BOTH_WAYS)],
    )
    assert written > 100
    assert not orders.unequal()
    for side in BOTH_WAYS:
        assert not orders.outbox(side)
        assert orders.at(side).execute("SELECT count(*) > 10 FROM ownership_applied").fetchone() == (True,)


def _under_writers(
    seed: int,
    *,
    relays: Sequence[tuple[Link, Side]],
    writers: Sequence[tuple[str, Side, Sequence[Act]]],
    transactions: int = 80,
) -> int:
    """This will let them all run at once to the end, and return how many changes there have been."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def guarded(run: Callable[..., None], *arguments: Any) -> None:
        try:
            run(*arguments)
        except BaseException as error:
            failures.append(error)

    def chance(number: int) -> random.Random:
        return random.Random(100 * seed + number)

    carrying = [
        threading.Thread(target=guarded, args=(_relaying, link, side, chance(n), stop))
        for n, (link, side) in enumerate(relays)
    ]
    acting = [
        threading.Thread(target=guarded, args=(_writing, *writer, chance(50 + n), transactions))
        for n, writer in enumerate(writers)
    ]
    for thread in (*carrying, *acting):
        thread.start()
    for thread in acting:
        thread.join()
    stop.set()
    for thread in carrying:
        thread.join()
    if failures:
        raise failures[0]
    reached = 0
    for link, side in relays:
        row = link.at(other(side)).execute("SELECT coalesce(max(seq), 0) FROM ownership_applied").fetchone()
        reached = max(reached, row[0] if row else 0)
    return reached
