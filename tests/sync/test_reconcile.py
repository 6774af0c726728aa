"""services.sync.reconcile, repair and their command: what differs is found and put right, what is under way is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from services.sync import canonical
from services.sync import reconcile as reconciling
from services.sync.arm import arm
from services.sync.cli import main
from services.sync.databases import Connection, connect
from services.sync.mapping.capabilities import CAPABILITIES, ORDERS, PRODUCTS, Capability, Pair, Side, other
from services.sync.mapping.sql import reading
from services.sync.outcome import Kind, Outcome
from services.sync.reconcile import reconcile
from services.sync.relaying import RelayLoop
from services.sync.repair import repair
from tests.sync import write
from tests.sync.conftest import Databases
from tests.sync.traffic import Traffic, begin, relay

BOTH: Final[Sequence[Side]] = ("monolith", "service")
EACH_WAY: Final = [
    pytest.param(capability, owner, id=f"{capability.name} of the {owner}")
    for capability in CAPABILITIES.values()
    for owner in BOTH
]
DAMAGE: Final = {
    "category": ("name", "name"),
    "product": ("title", "name"),
    "reservation": ("cust_ref", "customer"),
    "reservation_line": ("title", "name"),
    "order": ("ship_city", "ship_to_city"),
    "order_line": ("title", "name"),
    "status_change": ("at", "at"),
    "idempotency_key": ("order_no", "number"),
}
"""By aggregate: a column at the monolith and the same at the service."""

Name = tuple[str, str]
"""A row's aggregate and its key in the service's words."""


@pytest.fixture
def armed(clean: Databases) -> Databases:
    for capability in CAPABILITIES.values():
        arm(capability)
    with psycopg.connect(clean["gateway"]) as gateway:
        gateway.execute("DELETE FROM migration_reconciliation")
    return clean


@contextmanager
def _applying(capability: Capability, side: Side) -> Iterator[Connection]:
    """A transaction in which anything can be done to a side, and nothing of it is recorded."""
    with connect(capability.component(side)) as connection, connection.transaction():
        connection.execute("SET LOCAL techcommerce.applying = 'on'")
        yield connection


def _give(capability: Capability, owner: Side) -> None:
    for side in BOTH:
        with connect(capability.component(side)) as connection:
            connection.execute(
                "UPDATE ownership_bucket SET owner = %s, epoch = epoch + 1 WHERE capability = %s",
                ["self" if side == owner else "peer", capability.name],
            )


def _fill(capability: Capability, owner: Side = "monolith", *, count: int = 4) -> None:
    """Write rows of each table at their owner, and relay them."""
    _give(capability, owner)
    with connect(capability.component(owner)) as connection, connection.transaction():
        for index in range(count):
            if capability is ORDERS:
                number = write.number()
                write.order(connection, owner, number=number, customer=f"c-{index}")
                write.key(connection, owner, customer=f"c-{index}", key="k", number=number, answer="{}")
            else:
                write.category(connection, owner, slug=f"c-{index:02}")
                write.product(
                    connection, owner, sku=f"S-{index:02}", category=f"c-{index:02}" if index == count - 1 else None
                )
                write.reservation(connection, owner, number=f"R-{index:04}", customer="c", lines={f"S-{index:02}": 1})
    relay(capability.name)


def _pair(aggregate: str) -> Pair:
    return next(pair for c in CAPABILITIES.values() for pair in c.pairs if pair.aggregate == aggregate)


def _keys(capability: Capability, side: Side) -> dict[Name, str]:
    """Return every row's name, and its key in the side's words."""
    found = {}
    with connect(capability.component(side)) as connection:
        for pair in capability.pairs:
            query = SQL("SELECT service_key, {} FROM ({}) AS r ORDER BY 1").format(
                Identifier(canonical.MONOLITH_KEY if side == "monolith" else canonical.SERVICE_KEY),
                canonical.spelt(pair, side),
            )
            found.update({(pair.aggregate, key): own for key, own in connection.execute(query)})
    return found


def _change(connection: Connection, side: Side, name: Name, key: str, *, back: bool = False) -> None:
    """Change a column of a row, or change it back."""
    table = _pair(name[0]).end(side).table
    column = Identifier(DAMAGE[name[0]][BOTH.index(side)])
    if name[0] == "status_change":
        value = SQL("{} {} interval '1 microsecond'").format(column, SQL("-" if back else "+"))
    else:
        value = SQL("rtrim({}, 'X')" if back else "{} || 'X'").format(column)
    statement = SQL("UPDATE {} SET {} = {} WHERE id = (SELECT r.id FROM ({}) AS r WHERE {})").format(
        Identifier(table.name),
        column,
        value,
        reading(table),
        SQL(" AND ").join(SQL("r.{} = %s").format(Identifier(part)) for part in table.key),
    )
    assert connection.execute(statement, json.loads(key)).rowcount == 1


def _belongs(name: Name, to: Name) -> bool:
    """Tell whether a row refers to another, or is it."""
    children = {"order": ("order_line", "status_change"), "reservation": ("reservation_line",)}
    if name == to:
        return True
    if to[0] == "product":
        return name[0] == "reservation_line" and json.loads(name[1])[1:] == json.loads(to[1])
    return name[0] in children.get(to[0], ()) and json.loads(name[1])[:1] == json.loads(to[1])


def _remove(
    connection: Connection, capability: Capability, side: Side, name: Name, keys: dict[Name, str]
) -> list[Name]:
    """Delete a row and what refers to it, and return them."""
    gone = [one for one in keys if _belongs(one, name)]
    for pair in reversed(capability.pairs):
        table = pair.end(side).table
        rows = [dict(zip(table.key, json.loads(keys[one]), strict=True)) for one in gone if one[0] == pair.aggregate]
        for statement in table.deleting():
            connection.execute(statement, {"rows": json.dumps(rows)})
    return gone


def _injure(capability: Capability, owner: Side) -> list[tuple[str, str, Kind]]:
    """Make a row of each table missing, extra and different, and return these."""
    _fill(capability, owner, count=13)
    keys = {side: _keys(capability, side) for side in BOTH}
    wanted: list[tuple[str, str, Kind]] = []
    for number, pair in enumerate(capability.pairs):
        names = [name for name in keys[owner] if name[0] == pair.aggregate]
        # Of each table those of other orders, or products. Nothing is on these shelves.
        step = len(names) // 13
        different, missing, extra = (names[step * (3 * number + n)] for n in range(3))
        receiver = other(owner)
        with _applying(capability, receiver) as connection:
            _change(connection, receiver, different, keys[receiver][different])
            gone = _remove(connection, capability, receiver, missing, keys[receiver])
        wanted += [(*different, "different"), *((*name, "missing") for name in gone)]
        with _applying(capability, owner) as connection:
            gone = _remove(connection, capability, owner, extra, keys[owner])
        wanted += [(*name, "extra") for name in gone]
    return sorted(wanted)


def _found(outcome: Outcome) -> list[tuple[str, str, Kind]]:
    return sorted((one.pair.aggregate, one.keys["service"], one.kind) for one in outcome.found)


def _undecided(outcome: Outcome) -> dict[str, int]:
    return {
        verdict: count
        for verdict in ("waiting", "set aside", "changing")
        if (count := sum(table.undecided.get(verdict, 0) for table in outcome.tables))
    }


def _remembered() -> list[tuple[Any, ...]]:
    with connect("gateway") as gateway:
        return gateway.execute(
            "SELECT capability, rows, differences, detail, finished_at >= started_at"
            " FROM migration_reconciliation ORDER BY id"
        ).fetchall()


@pytest.mark.parametrize(("capability", "owner"), EACH_WAY)
def test_finds_nothing_where_both_sides_hold_the_same(armed: Databases, capability: Capability, owner: Side) -> None:
    _fill(capability, owner)
    told: list[int] = []
    outcome = reconcile(capability.name, advance=lambda label, rows: told.append(rows))
    assert outcome.clean and not outcome.found
    rows = {"orders": 4 * (1 + 2 + 1 + 1), "products": 4 * (1 + 1 + 1 + 1)}[capability.name]
    assert (outcome.rows, sum(told)) == (rows, 2 * rows)
    [(name, counted, differences, detail, ended)] = _remembered()
    assert (name, counted, differences, ended) == (capability.name, rows, 0, True)
    assert detail["clean"] is True


@pytest.mark.parametrize(("capability", "owner"), EACH_WAY)
def test_finds_every_kind_in_every_table_and_puts_it_right(
    armed: Databases, capability: Capability, owner: Side
) -> None:
    wanted = _injure(capability, owner)
    truth = _keys(capability, owner)
    outcome = reconcile(capability.name)
    assert _found(outcome) == wanted
    assert {one.owner for one in outcome.found} == {owner}
    assert not outcome.clean
    assert _remembered()[-1][2] == len(wanted)

    done = repair(outcome)
    assert done.left == []
    assert len(done.touched) + len(done.deleted) == len(wanted)
    relay(capability.name)
    after = reconcile(capability.name)
    assert _found(after) == []
    assert after.clean
    assert _keys(capability, owner) == truth


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_finds_exactly_what_was_changed(armed: Databases, data: st.DataObject) -> None:
    if not (keys := _keys(ORDERS, "service")):
        _fill(ORDERS)
        keys = _keys(ORDERS, "service")
    chosen = data.draw(st.lists(st.sampled_from(sorted(keys)), unique=True))
    with _applying(ORDERS, "service") as connection:
        for name in chosen:
            _change(connection, "service", name, keys[name])
    try:
        outcome = reconcile("orders")
        assert _found(outcome) == sorted((*name, "different") for name in chosen)
        assert all(list(one.columns) == [DAMAGE[one.pair.aggregate][1]] for one in outcome.found)
    finally:
        with _applying(ORDERS, "service") as connection:
            for name in chosen:
                _change(connection, "service", name, keys[name], back=True)


def test_rows_that_have_swapped_what_they_hold_are_found(armed: Databases) -> None:
    _fill(ORDERS, count=2)
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_order SET ship_to_city = 'Bath' WHERE customer = 'c-0'")
    with _applying(ORDERS, "monolith") as connection:
        connection.execute("UPDATE sales_order SET ship_city = 'Bath' WHERE cust_ref = 'c-1'")
    outcome = reconcile("orders")
    assert [(one.pair.aggregate, list(one.columns)) for one in outcome.found] == [("order", ["ship_to_city"])] * 2


def test_pairs_that_xor_does_not_see_are_found(databases: Databases) -> None:
    """Without the table's constraints, which keep a row from being there twice."""
    pair = _pair("category")
    said = []
    for names in (("a", "a"), ("b", "b")):
        with connect("products") as connection:
            connection.execute("CREATE TEMPORARY TABLE products_category (id int, slug text, name text)")
            for name in names:
                connection.execute("INSERT INTO products_category VALUES (1, 'slug', %s)", [name])
            said += connection.execute(canonical.digesting(pair, "service", parts=16)).fetchall()
    [(_, rows, xor, total), (_, rows_there, xor_there, total_there)] = said
    assert (rows, xor) == (rows_there, xor_there) == (2, 0)
    assert total != total_there


def test_when_a_product_was_deleted_is_not_compared_and_whether_it_was_is(armed: Databases) -> None:
    _fill(PRODUCTS, count=2)
    with connect("legacy") as legacy:
        legacy.execute("UPDATE catalogue_product SET active = false")
    relay("products")
    with _applying(PRODUCTS, "service") as connection:
        connection.execute("UPDATE products_product SET deleted_at = deleted_at + interval '1 day'")
    outcome = reconcile("products")
    assert outcome.clean
    assert [(total.by, total.rows["service"]) for total in outcome.totals] == [("deleted", 2)]
    with _applying(PRODUCTS, "service") as connection:
        connection.execute("UPDATE products_product SET deleted_at = NULL WHERE sku = 'S-00'")
    [found] = reconcile("products").found
    assert (found.keys["service"], list(found.columns)) == ('["S-00"]', ["deleted"])


def test_adds_up_money_and_stock_to_the_cent(armed: Databases) -> None:
    _fill(ORDERS, count=3)
    _fill(PRODUCTS, count=3)
    [placed] = reconcile("orders").totals
    assert (placed.by, placed.rows["monolith"], placed.equal) == ("placed", 3, True)
    assert str(placed.sums["total"]["monolith"]) == str(placed.sums["total"]["service"]) == "44.97"
    [sold] = reconcile("products").totals
    assert {name: str(its["service"]) for name, its in sold.sums.items()} == {"stock": "297", "price": "7.50"}
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_order SET total = total + 0.01 WHERE customer = 'c-1'")
    outcome = reconcile("orders")
    assert [one.columns for one in outcome.found] == [["total"]]
    assert [total.equal for total in outcome.totals] == [False]


def test_what_is_not_relayed_is_waiting_and_no_difference(armed: Databases) -> None:
    _fill(ORDERS)
    with connect("legacy") as legacy:
        write.order(legacy, "monolith", number="T-LATE", customer="c-9")
        legacy.execute("UPDATE sales_order SET ship_city = 'Bath' WHERE cust_ref = 'c-0'")
    outcome = reconcile("orders", patience=0.5)
    assert not outcome.found
    assert _undecided(outcome) == {"waiting": 1 + 2 + 1 + 1}
    assert not outcome.clean


def test_what_differs_is_found_however_little_time_there_is(armed: Databases) -> None:
    _fill(ORDERS, count=2)
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_order SET ship_to_city = 'York'")
    with connect("legacy") as legacy:
        write.delete_key(legacy, "monolith", customer="c-0", key="k")
    outcome = reconcile("orders", patience=0)
    assert (outcome.differences, _undecided(outcome)) == (2, {"waiting": 1})


def test_deletions_that_are_not_relayed_are_waiting_too(armed: Databases) -> None:
    _fill(ORDERS)
    with connect("legacy") as legacy:
        write.delete_key(legacy, "monolith", customer="c-0", key="k")
        legacy.execute("DELETE FROM sales_statuschange WHERE order_id = (SELECT min(id) FROM sales_order)")
    outcome = reconcile("orders", patience=0.5)
    assert (outcome.differences, _undecided(outcome)) == (0, {"waiting": 2})


def test_what_waits_for_people_is_told_apart(armed: Databases) -> None:
    _fill(ORDERS)
    with connect("legacy") as legacy:
        legacy.execute("UPDATE sales_order SET ship_city = 'Bath' WHERE cust_ref = 'c-0'")
        legacy.execute("UPDATE ownership_outbox SET failed_at = now(), reason = 'it did not fit'")
        # Held up by that.
        legacy.execute(
            "UPDATE sales_orderline SET title = 'Cup' WHERE line_no = 1"
            " AND order_id = (SELECT id FROM sales_order WHERE cust_ref = 'c-0')"
        )
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_order SET ship_to_city = 'York' WHERE customer = 'c-1'")
    outcome = reconcile("orders")
    assert _undecided(outcome) == {"set aside": 2}
    assert [(one.pair.aggregate, one.kind) for one in outcome.found] == [("order", "different")]


@pytest.mark.parametrize("capability", CAPABILITIES.values(), ids=CAPABILITIES)
def test_live_writes_are_never_taken_for_differences(armed: Databases, capability: Capability) -> None:
    begin(capability.name)
    stopping = threading.Event()
    loops = [RelayLoop(capability=capability, side=side, name=f"test {side}", stopping=stopping) for side in BOTH]
    threads = [threading.Thread(target=loop.run, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        with Traffic(capability.name, threads=2) as traffic:
            for _ in range(3):
                traffic.progress()
                outcome = reconcile(capability.name)
                assert _found(outcome) == []
                assert set(_undecided(outcome)) <= {"changing"}
                assert outcome.clean
            if capability is ORDERS:
                # Nobody writes to what was there before.
                with _applying(ORDERS, "service") as connection:
                    connection.execute("UPDATE orders_order SET ship_to_city = 'York' WHERE number NOT LIKE 'W%'")
                outcome = reconcile("orders")
                assert [one.rows["service"]["ship_to_city"] for one in outcome.found] == ["York"]
                assert repair(outcome).left == []
    finally:
        stopping.set()
        for thread in threads:
            thread.join(10)
    relay(capability.name)
    assert reconcile(capability.name).clean


def test_owners_of_single_buckets_are_told_apart(armed: Databases) -> None:
    _fill(ORDERS, count=2)
    with connect("legacy") as legacy:
        row = legacy.execute("SELECT ownership_bucket_of('orders', 'c-1')").fetchone()
        assert row
        legacy.execute(
            "UPDATE ownership_bucket SET owner = 'peer', epoch = 5 WHERE capability = 'orders' AND bucket = %s", row
        )
    with connect("orders") as orders:
        orders.execute(
            "UPDATE ownership_bucket SET owner = 'self', epoch = 5 WHERE capability = 'orders' AND bucket = %s", row
        )
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_orderline SET name = 'Cup' WHERE position = 1")
        connection.execute("DELETE FROM orders_idempotencykey")
    outcome = reconcile("orders")
    assert [(one.pair.aggregate, one.owner, one.kind) for one in outcome.found] == [
        ("order_line", "monolith", "different"),
        ("order_line", "service", "different"),
        ("idempotency_key", "monolith", "missing"),
        ("idempotency_key", "service", "extra"),
    ]
    assert repair(outcome).left == []
    relay("orders")
    assert reconcile("orders").clean
    with connect("legacy") as legacy:
        titles = legacy.execute(
            "SELECT cust_ref, title FROM sales_orderline JOIN sales_order o ON o.id = order_id WHERE line_no = 1"
            " ORDER BY cust_ref"
        ).fetchall()
    assert titles == [("c-0", "Thing A-1"), ("c-1", "Cup")]


def test_a_row_whose_owner_cannot_be_told_is_left_alone(armed: Databases) -> None:
    _fill(ORDERS, count=1)
    with connect("legacy") as legacy:
        legacy.execute("UPDATE ownership_bucket SET owner = 'none' WHERE capability = 'orders'")
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_order SET ship_to_city = 'York'")
    outcome = reconcile("orders")
    assert [one.owner for one in outcome.found] == [None]
    done = repair(outcome)
    assert (done.touched, done.deleted, [why for _, why in done.left]) == (
        [],
        [],
        ["nobody owns it, or it seems to be owned twice"],
    )


def test_nothing_is_deleted_that_its_owner_has_by_then(armed: Databases) -> None:
    _fill(ORDERS, count=3)
    with _applying(ORDERS, "monolith") as connection:
        connection.execute("DELETE FROM sales_idempotencykey")
    outcome = reconcile("orders")
    assert {one.kind for one in outcome.found} == {"extra"}
    with connect("legacy") as legacy, connect("orders") as orders:
        known = [one.keys["service"] for one in outcome.found]
        customers = [json.loads(key)[0] for key in known]
        # One is there again, one came and went, and one is now the other side's own.
        with _applying(ORDERS, "monolith") as connection:
            write.key(connection, "monolith", customer=customers[0], key="k", number="T-X-1")
        write.key(legacy, "monolith", customer=customers[1], key="k", number="T-X-2")
        write.delete_key(legacy, "monolith", customer=customers[1], key="k")
        orders.execute(
            "UPDATE ownership_bucket SET owner = 'self' WHERE bucket = ownership_bucket_of('orders', %s)",
            [customers[2]],
        )
        done = repair(outcome)
        assert {json.loads(one.keys["service"])[0]: why for one, why in done.left} == {
            customers[0]: "its owner has it by now",
            customers[1]: "it is changing",
            customers[2]: "it has moved",
        }
        assert orders.execute("SELECT count(*) FROM orders_idempotencykey").fetchone() == (3,)


def test_a_row_that_has_moved_is_not_touched(armed: Databases) -> None:
    _fill(ORDERS, count=1)
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_order SET ship_to_city = 'York'")
    outcome = reconcile("orders")
    _give(ORDERS, "service")
    assert [why for _, why in repair(outcome).left] == ["it has moved"]


def test_what_is_remembered_holds_nothing_of_a_customer(armed: Databases) -> None:
    _fill(ORDERS, count=1)
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_order SET ship_to_city = 'York'")
    assert reconcile("orders").found[0].rows["service"]["ship_to_city"] == "York"
    [(_, _, differences, detail, _)] = _remembered()
    assert differences == 1
    assert [one["columns"] for one in detail["found"]] == [["ship_to_city"]]
    assert "York" not in json.dumps(detail) and write.SHIP_TO[0] not in json.dumps(detail)


def test_sides_that_differ_in_too_much_are_told_as_such(armed: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "SUSPECTS_MAX", 3)
    monkeypatch.setattr(reconciling, "_LISTED_MAX", 1)
    _fill(ORDERS, count=30)
    with _applying(ORDERS, "service") as connection:
        connection.execute("DELETE FROM orders_idempotencykey")
    outcome = reconcile("orders")
    keys = outcome.tables[-1]
    assert (len(keys.found), keys.complete, keys.rows) == (3, False, {"monolith": 30, "service": 0})
    assert all(table.complete for table in outcome.tables[:-1])
    assert not outcome.clean


def test_sides_that_record_nothing_are_not_compared(clean: Databases, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(reconciling.NotRecorded, match="records no changes"):
        reconcile("orders")
    assert main(["reconcile", "orders"]) == 1
    assert main(["reconcile"]) == 1
    arm(ORDERS)
    capsys.readouterr()
    assert main(["reconcile"]) == 0
    said = capsys.readouterr()
    assert "orders: the same" in said.out
    assert said.err == "sync: products: the monolith records no changes: ./manage.py sync backfill products\n"


def test_the_command_tells_people_and_repairs(armed: Databases, capsys: pytest.CaptureFixture[str]) -> None:
    _fill(ORDERS, count=2)
    with _applying(ORDERS, "service") as connection:
        connection.execute("UPDATE orders_order SET ship_to_city = '[b]York' WHERE customer = 'c-0'")
    assert main(["reconcile", "orders"]) == 1
    said = capsys.readouterr().out
    assert "ship_to_city at the service" in said
    assert "service: ship_to_city [b]York" in said
    assert "monolith (owner): ship_to_city London" in said
    assert "orders: 1 differ;" in said
    assert main(["reconcile", "--repair"]) == 0
    said = capsys.readouterr().out
    assert "orders: 1 rows sent once more by their owner, 0 deleted" in said
    assert main(["reconcile", "orders"]) == 0


def test_the_command_tells_programs(armed: Databases, capsys: pytest.CaptureFixture[str]) -> None:
    _injure(PRODUCTS, "monolith")
    assert main(["reconcile", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["orders"]["clean"], said["products"]["clean"]) == (True, False)
    assert said["products"]["differences"] == len(said["products"]["found"]) > 0
    different = next(one for one in said["products"]["found"] if one["kind"] == "different")
    assert different["owner"] == "monolith" and different["monolith"] != different["service"]
    assert main(["reconcile", "products", "--repair", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["products"]["after"]["clean"] and said["products"]["repaired"]["left"] == []
