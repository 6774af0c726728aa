"""services.sync.backfill and chunks: copying between two databases that are both in use."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from services.sync import chunks
from services.sync.arm import arm
from services.sync.backfill import Report, backfill, drain, is_empty, origin_of
from services.sync.cli import main
from services.sync.databases import connect, leading
from services.sync.mapping.capabilities import CAPABILITIES, ORDERS, PRODUCTS, Capability, Side, other
from services.sync.mapping.sql import reading, selecting
from services.sync.pace import Pace
from services.sync.relay import Relay
from tests.sync import write
from tests.sync.conftest import Databases

Connection = psycopg.Connection[Any]


@pytest.fixture
def armed(clean: Databases) -> Databases:
    for capability in CAPABILITIES.values():
        arm(capability)
    return clean


@pytest.fixture
def legacy(armed: Databases) -> Iterator[Connection]:
    with psycopg.connect(armed["legacy"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def orders(armed: Databases) -> Iterator[Connection]:
    with psycopg.connect(armed["orders"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def products(armed: Databases) -> Iterator[Connection]:
    with psycopg.connect(armed["products"], autocommit=True) as connection:
        yield connection


def _copy(
    capability: Capability,
    *,
    origin: Side = "monolith",
    chunk: int = 3,
    advance: Callable[[str, int], None] = lambda table, rows: None,
) -> Report:
    with connect(capability.component(origin)) as source, connect(capability.component(other(origin))) as receiver:
        return backfill(
            source, receiver, capability=capability, origin=origin, pace=Pace(), advance=advance, chunk=chunk
        )


@contextmanager
def _relay(capability: Capability, origin: Side = "monolith") -> Iterator[Relay]:
    with connect(capability.component(origin)) as sender, connect(capability.component(other(origin))) as receiver:
        yield Relay(capability=capability, origin=origin, sender=sender, receiver=receiver)


def _relay_all(capability: Capability, origin: Side = "monolith") -> None:
    assert drain(capability=capability, origin=origin)


def _differences(databases: Databases, capability: Capability) -> list[tuple[str, Any]]:
    """Return what one side holds and the other does not, in the service's words."""
    found = []
    with (
        psycopg.connect(databases["legacy"]) as legacy,
        psycopg.connect(databases[capability.service]) as service,
    ):
        for pair in capability.pairs:
            compared = [c for c in pair.service.table.staged() if not c.own]
            names = SQL(", ").join(Identifier(column.name) for column in compared)
            query = SQL("SELECT {} FROM ({}) AS r")
            here = set(legacy.execute(query.format(names, selecting(pair, "monolith"))))
            there = set(service.execute(query.format(names, reading(pair.service.table))))
            found += [(pair.aggregate, row) for row in here ^ there]
    return found


def _own(databases: Databases, capability: Capability, side: Side, *, epoch: int, buckets: list[int]) -> None:
    """Let one side own these buckets, as a move does."""
    for here in ("monolith", "service"):
        with psycopg.connect(databases[capability.component(here)]) as connection:
            connection.execute(
                "UPDATE ownership_bucket SET owner = %s, epoch = %s WHERE capability = %s AND bucket = ANY(%s)",
                ["self" if here == side else "peer", epoch, capability.name, buckets],
            )


def _bucket(connection: Connection, customer: str) -> int:
    row = connection.execute("SELECT ownership_bucket_of('orders', %s)", [customer]).fetchone()
    assert row
    bucket: int = row[0]
    return bucket


def _sell(connection: Connection, side: Side, count: int) -> list[str]:
    """Write orders of as many customers, each with an answered key."""
    numbers = [write.number() for _ in range(count)]
    for index, number in enumerate(numbers):
        write.order(connection, side, number=number, customer=f"c-{index}")
        write.key(connection, side, customer=f"c-{index}", key="k", number=number, answer="{}")
    return numbers


def _stock(connection: Connection, side: Side, count: int) -> list[str]:
    """Write products on two shelves, and a reservation of each."""
    for slug in ("a", "b"):
        write.category(connection, side, slug=slug)
    skus = [f"S-{index}" for index in range(count)]
    for index, sku in enumerate(skus):
        write.product(connection, side, sku=sku, category=("a", "b", None)[index % 3])
        write.reservation(connection, side, number=write.number(), customer="c", lines={sku: 1})
    return skus


@pytest.mark.parametrize("origin", ["monolith", "service"])
@pytest.mark.parametrize("capability", CAPABILITIES.values(), ids=CAPABILITIES)
def test_everything_is_copied_once(clean: Databases, capability: Capability, origin: Side) -> None:
    _own(clean, capability, origin, epoch=2, buckets=list(range(1024)))
    with psycopg.connect(clean[capability.component(origin)], autocommit=True) as connection:
        (_sell if capability is ORDERS else _stock)(connection, origin, 7)
    arm(capability)
    with connect(capability.component("service")) as service:
        assert origin_of(service, capability=capability) == origin
    first = _copy(capability, origin=origin)
    assert _differences(clean, capability) == []
    assert first.new == first.rows and all(first.rows.values())
    second = _copy(capability, origin=origin)
    assert second.rows == first.rows and not any(second.new.values())
    assert _differences(clean, capability) == []


def test_what_is_copied_is_not_recorded_as_the_receivers_change(legacy: Connection, orders: Connection) -> None:
    _sell(legacy, "monolith", 2)
    _copy(ORDERS)
    assert orders.execute("SELECT count(*) FROM ownership_outbox").fetchone() == (0,)


def test_rows_that_are_there_stay_as_they_are(armed: Databases, legacy: Connection, orders: Connection) -> None:
    one, two = _sell(legacy, "monolith", 2)
    _relay_all(ORDERS)
    with orders.transaction():
        orders.execute("SET LOCAL techcommerce.applying = 'on'")
        orders.execute("UPDATE orders_order SET ship_to_name = 'Somebody else' WHERE number = %s", [one])
        orders.execute(
            "DELETE FROM orders_orderline WHERE order_id = (SELECT id FROM orders_order WHERE number = %s)", [two]
        )
    report = _copy(ORDERS)
    assert report.new == {
        "orders_order": 0,
        "orders_orderline": 2,
        "orders_statuschange": 0,
        "orders_idempotencykey": 0,
    }
    rows = orders.execute("SELECT number FROM orders_order WHERE ship_to_name = 'Somebody else'").fetchall()
    assert rows == [(one,)]


def test_what_was_deleted_after_it_was_read_does_not_come_back(
    armed: Databases, legacy: Connection, orders: Connection
) -> None:
    gone, stays = _sell(legacy, "monolith", 2)
    families = chunks.families(ORDERS)
    with connect("legacy") as source, connect("orders") as receiver:
        chunks.prepare(receiver, capability=ORDERS, side="service")
        read = [
            chunks.read(
                source, capability=ORDERS, family=family, origin="monolith", after=None, upto=2**62, limit=9, without=[]
            )
            for family in families
        ]
        write.delete_order(legacy, "monolith", number=gone)
        write.delete_key(legacy, "monolith", customer="c-0", key="k")
        _relay_all(ORDERS)
        new = []
        for chunk in read:
            assert chunk
            with receiver.transaction():
                receiver.execute("SET LOCAL techcommerce.applying = 'on'")
                chunks.put_down(receiver, chunk, side="service")
                new += chunks.put_in(receiver, chunk, capability=ORDERS, side="service")
    assert new == [0, 0, 0, 0]
    assert orders.execute("SELECT number FROM orders_order").fetchall() == [(stays,)]
    assert _differences(armed, ORDERS) == []
    assert not any(_copy(ORDERS).new.values())


def test_what_was_deleted_and_made_again_is_the_relays_to_bring(
    armed: Databases, legacy: Connection, orders: Connection
) -> None:
    (number,) = _sell(legacy, "monolith", 1)
    write.delete_order(legacy, "monolith", number=number)
    _relay_all(ORDERS)
    write.order(legacy, "monolith", number=number, customer="c-0", lines=[("Z-1", 1, 1)])
    assert _copy(ORDERS).new["orders_order"] == 0
    _relay_all(ORDERS)
    assert _differences(armed, ORDERS) == []


def test_what_refers_to_a_row_that_is_still_on_its_way_is_left_to_the_relay(
    armed: Databases, legacy: Connection, products: Connection
) -> None:
    _stock(legacy, "monolith", 3)
    _copy(PRODUCTS)
    write.category(legacy, "monolith", slug="late")
    write.product(legacy, "monolith", sku="L-1", category="late")
    write.reservation(legacy, "monolith", number=write.number(), customer="c", lines={"L-1": 1, "S-0": 2})
    categories, *others = chunks.families(PRODUCTS)
    new = []
    with connect("legacy") as source, connect("products") as receiver:
        chunks.prepare(receiver, capability=PRODUCTS, side="service")
        for family in others:
            chunk = chunks.read(
                source,
                capability=PRODUCTS,
                family=family,
                origin="monolith",
                after=None,
                upto=2**62,
                limit=99,
                without=[],
            )
            assert chunk
            with receiver.transaction():
                receiver.execute("SET LOCAL techcommerce.applying = 'on'")
                chunks.put_down(receiver, chunk, side="service")
                new.append(chunks.put_in(receiver, chunk, capability=PRODUCTS, side="service"))
    assert len(categories) == 1
    assert new == [[0], [1, 1]]
    _relay_all(PRODUCTS)
    assert _differences(armed, PRODUCTS) == []


def test_one_that_was_interrupted_is_taken_up_again(armed: Databases, legacy: Connection, orders: Connection) -> None:
    _sell(legacy, "monolith", 12)

    def cut(table: str, rows: int) -> None:
        if table == "orders_statuschange":
            orders.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(psycopg.OperationalError):
        _copy(ORDERS, advance=cut)
    assert orders.execute("SELECT count(*) FROM orders_order").fetchone() == (3,)
    again = _copy(ORDERS)
    assert (again.rows["orders_order"], again.new["orders_order"]) == (12, 9)
    assert _differences(armed, ORDERS) == []


def test_only_rows_that_the_source_owns_are_copied(armed: Databases, legacy: Connection, orders: Connection) -> None:
    numbers = _sell(legacy, "monolith", 8)
    theirs = {_bucket(legacy, f"c-{index}") for index in range(4)}
    _own(armed, ORDERS, "service", epoch=2, buckets=sorted(theirs))
    report = _copy(ORDERS)
    ours = [number for i, number in enumerate(numbers) if _bucket(legacy, f"c-{i}") not in theirs]
    assert ours
    assert [n for (n,) in orders.execute("SELECT number FROM orders_order ORDER BY number")] == ours
    assert report.rows == {
        "orders_order": len(ours),
        "orders_orderline": 2 * len(ours),
        "orders_statuschange": len(ours),
        "orders_idempotencykey": len(ours),
    }


def test_a_chunk_is_read_again_when_owners_have_changed_since(
    armed: Databases, legacy: Connection, orders: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = _sell(legacy, "monolith", 6)
    bucket = _bucket(legacy, "c-0")
    put_down = chunks.put_down

    def move_first(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(chunks, "put_down", put_down)
        _relay_all(ORDERS)
        _own(armed, ORDERS, "service", epoch=2, buckets=[bucket])
        # Its owner's deletions leave no tombstone with it.
        write.delete_order(orders, "service", number=numbers[0])
        put_down(*arguments, **options)

    monkeypatch.setattr(chunks, "put_down", move_first)
    _copy(ORDERS)
    found = [number for (number,) in orders.execute("SELECT number FROM orders_order ORDER BY number")]
    assert found == numbers[1:]


def test_when_all_has_moved_meanwhile_it_ends(
    armed: Databases, legacy: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _stock(legacy, "monolith", 3)
    put_down = chunks.put_down

    def move_first(*arguments: Any, **options: Any) -> None:
        _own(armed, PRODUCTS, "service", epoch=2, buckets=[0])
        put_down(*arguments, **options)

    monkeypatch.setattr(chunks, "put_down", move_first)
    assert main(["backfill", "products"]) == 1
    assert "products has moved to the service meanwhile" in capsys.readouterr().err


def test_writers_and_relay_go_on_while_orders_are_copied(armed: Databases, legacy: Connection) -> None:
    numbers = _sell(legacy, "monolith", 100)

    def shop(connection: Connection, seed: int) -> Callable[[], None]:
        chance = random.Random(seed)
        mine = [number for index, number in enumerate(numbers) if index % 2 == seed]

        def once() -> None:
            with connection.transaction():
                match chance.randrange(5):
                    case 0 if mine:
                        write.delete_order(connection, "monolith", number=mine.pop(chance.randrange(len(mine))))
                    case 1 if mine:
                        number = mine.pop(chance.randrange(len(mine)))
                        write.move(connection, "monolith", number=number, status="paid")
                    case 2 if mine:
                        # The same number again, within one transaction.
                        number = mine.pop(chance.randrange(len(mine)))
                        write.delete_order(connection, "monolith", number=number)
                        write.order(connection, "monolith", number=number, customer=f"n-{seed}", lines=[("Y-1", 1, 5)])
                    case 3:
                        customer = f"c-{2 * chance.randrange(50) + seed}"
                        write.change_key(connection, "monolith", customer=customer, key="k", answer=f'{{"{seed}": 1}}')
                    case _:
                        number = write.number()
                        write.order(connection, "monolith", number=number, customer=f"m-{seed}")
                        write.key(connection, "monolith", customer=f"m-{seed}", key=number, number=number)

        return once

    with psycopg.connect(armed["legacy"]) as one, psycopg.connect(armed["legacy"]) as two:
        _meanwhile(ORDERS, [shop(one, 0), shop(two, 1)], chunk=7)
    _relay_all(ORDERS)
    assert _differences(armed, ORDERS) == []
    assert not any(_copy(ORDERS, chunk=50).new.values())


def test_writers_and_relay_go_on_while_products_are_copied(armed: Databases, legacy: Connection) -> None:
    skus = _stock(legacy, "monolith", 60)

    def shop(connection: Connection, seed: int) -> Callable[[], None]:
        chance = random.Random(seed)
        known = [sku for index, sku in enumerate(skus) if index % 2 == seed]

        def once() -> None:
            with connection.transaction():
                match chance.randrange(3):
                    case 0:
                        name = f"{seed}-{write.number()}"
                        write.category(connection, "monolith", slug=name)
                        write.product(connection, "monolith", sku=name, category=name)
                        known.append(name)
                    case 1:
                        write.change_stock(connection, "monolith", sku=chance.choice(known), by=5)
                    case _:
                        number = write.number()
                        lines = {chance.choice(known): 1, chance.choice(known): 1}
                        write.reservation(connection, "monolith", number=number, customer="c", lines=lines)
                        write.settle(connection, "monolith", number=number, state="confirmed")

        return once

    with psycopg.connect(armed["legacy"]) as one, psycopg.connect(armed["legacy"]) as two:
        _meanwhile(PRODUCTS, [shop(one, 0), shop(two, 1)], chunk=5)
    _relay_all(PRODUCTS)
    assert _differences(armed, PRODUCTS) == []


def _meanwhile(capability: Capability, writers: list[Callable[[], None]], *, chunk: int) -> None:
    """Copy while these are called again and again, each by a thread of its own, and while a relay relays."""
    stopped = threading.Event()
    failures: list[BaseException] = []

    def again(once: Callable[[], object]) -> None:
        try:
            while not stopped.is_set():
                once()
                time.sleep(0.002)
        except BaseException as error:
            failures.append(error)

    with ExitStack() as stack:
        relay = stack.enter_context(_relay(capability))
        threads = [threading.Thread(target=again, args=[once]) for once in (*writers, relay.step)]
        for thread in threads:
            thread.start()
        try:
            _copy(capability, chunk=chunk, advance=lambda table, rows: time.sleep(0.01))
        finally:
            stopped.set()
            for thread in threads:
                thread.join(20)
    assert failures == []


def test_changes_are_relayed_where_nobody_else_does(armed: Databases, legacy: Connection) -> None:
    _sell(legacy, "monolith", 3)
    assert drain(capability=ORDERS, origin="monolith", seconds=5)
    assert legacy.execute("SELECT count(*) FROM ownership_outbox").fetchone() == (0,)
    assert _differences(armed, ORDERS) == []


def test_whoever_relays_is_waited_for(armed: Databases, legacy: Connection) -> None:
    _sell(legacy, "monolith", 3)
    with connect("legacy") as leader, leading(leader, "relay.orders.monolith") as mine, _relay(ORDERS) as relay:
        assert mine
        assert not drain(capability=ORDERS, origin="monolith", seconds=0.2)
        timer = threading.Timer(0.1, relay.step)
        timer.start()
        assert drain(capability=ORDERS, origin="monolith", seconds=5)
        timer.join()


def test_changes_that_need_people_are_not_waited_for(armed: Databases, legacy: Connection) -> None:
    first, second = _sell(legacy, "monolith", 2)
    legacy.execute(
        "UPDATE ownership_outbox SET failed_at = now(), reason = 'poison' WHERE id ="
        " (SELECT min(id) FROM ownership_outbox WHERE root = %s)",
        [first],
    )
    assert drain(capability=ORDERS, origin="monolith", seconds=5)
    assert {root for (root,) in legacy.execute("SELECT root FROM ownership_outbox")} == {first}
    assert second


def test_the_command_says_what_it_did(
    clean: Databases, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with psycopg.connect(clean["legacy"], autocommit=True) as legacy:
        _sell(legacy, "monolith", 3)
        _stock(legacy, "monolith", 3)
        assert main(["backfill"]) == 0
        said = capsys.readouterr().out
        assert "orders: orders_orderline: 6 rows, 6 new" in said
        assert "orders: 15 rows from the monolith, 15 new at the service" in said
        assert "products: 11 rows from the monolith, 11 new at the service" in said
        write.change_stock(legacy, "monolith", sku="S-0", by=1)
        assert main(["backfill", "products", "--rate", "100000"]) == 0
        assert "0 new at the service" in capsys.readouterr().out
        assert legacy.execute("SELECT count(*) FROM ownership_outbox").fetchone() == (0,)
    assert _differences(clean, PRODUCTS) == []


def test_a_side_that_has_rows_is_left_alone_when_asked_to_fill_an_empty_one(
    clean: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(clean["legacy"], autocommit=True) as legacy, psycopg.connect(clean["orders"]) as orders:
        _sell(legacy, "monolith", 1)
        assert main(["backfill", "orders", "--if-empty"]) == 0
        assert not is_empty(orders, capability=ORDERS, side="service")
        legacy.execute("BEGIN; SET LOCAL techcommerce.applying = 'on'")
        write.order(legacy, "monolith", number=write.number(), customer="c")
        legacy.execute("COMMIT")
        capsys.readouterr()
        assert main(["backfill", "orders", "--if-empty"]) == 0
    assert "orders: the service has rows already, nothing to do" in capsys.readouterr().out
    assert len(_differences(clean, ORDERS)) == 4


def test_a_side_that_has_rows_is_armed_all_the_same(clean: Databases) -> None:
    with psycopg.connect(clean["orders"], autocommit=True) as orders:
        with orders.transaction():
            orders.execute("SET LOCAL techcommerce.applying = 'on'")
            write.order(orders, "service", number=write.number(), customer="c")
        assert main(["backfill", "orders", "--if-empty"]) == 0
        assert orders.execute("SELECT capturing FROM ownership_capability").fetchone() == (True,)
