"""services.sync.arm"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from services.sync import arm as module
from services.sync.arm import arm, disarm
from services.sync.databases import connect, leading
from services.sync.errors import Refused
from services.sync.mapping.capabilities import ORDERS, PRODUCTS
from tests.sync import write
from tests.sync.conftest import Databases

Connection = psycopg.Connection[Any]


@pytest.fixture
def legacy(clean: Databases) -> Iterator[Connection]:
    with psycopg.connect(clean["legacy"], autocommit=True) as connection:
        yield connection


def _known(databases: Databases, component: str, capability: str) -> tuple[Any, ...] | None:
    with psycopg.connect(databases[component]) as connection:
        return connection.execute(
            "SELECT salt, capturing FROM ownership_capability WHERE name = %s", [capability]
        ).fetchone()


def _salt(databases: Databases, capability: str) -> str:
    with psycopg.connect(databases["gateway"]) as connection:
        row = connection.execute("SELECT salt FROM routing_toggle WHERE capability = %s", [capability]).fetchone()
    assert row
    salt: str = row[0]
    return salt


def _recorded(connection: Connection) -> set[str]:
    return {root for (root,) in connection.execute("SELECT DISTINCT root FROM ownership_outbox")}


def test_both_sides_learn_the_gateways_salt_and_begin_to_record(clean: Databases) -> None:
    for _ in range(2):
        arm(ORDERS)
        assert _known(clean, "legacy", "orders") == (_salt(clean, "orders"), True)
        assert _known(clean, "orders", "orders") == (_salt(clean, "orders"), True)
    assert _known(clean, "legacy", "products") == (None, False)
    assert _known(clean, "products", "products") == (None, False)


def test_what_is_written_from_then_on_is_recorded(legacy: Connection) -> None:
    before, after = write.number(), write.number()
    write.order(legacy, "monolith", number=before, customer="c")
    arm(ORDERS)
    write.order(legacy, "monolith", number=after, customer="c")
    assert _recorded(legacy) == {after}


def test_writers_that_have_begun_are_waited_for(clean: Databases, legacy: Connection) -> None:
    with psycopg.connect(clean["legacy"]) as writer:
        write.order(writer, "monolith", number=write.number(), customer="c")
        arming = threading.Thread(target=arm, args=[ORDERS])
        arming.start()
        time.sleep(0.3)
        assert _known(clean, "legacy", "orders") == (None, False)
        writer.commit()
        arming.join(10)
    assert _known(clean, "legacy", "orders") == (_salt(clean, "orders"), True)
    assert _recorded(legacy) == set()


def test_other_writers_get_on_while_one_is_waited_for(clean: Databases, legacy: Connection) -> None:
    with psycopg.connect(clean["legacy"]) as writer:
        write.order(writer, "monolith", number=write.number(), customer="c")
        arming = threading.Thread(target=arm, args=[ORDERS])
        arming.start()
        limit = time.monotonic() + 0.8
        while time.monotonic() < limit:
            write.order(legacy, "monolith", number=write.number(), customer="d")
        assert arming.is_alive()
        writer.commit()
        arming.join(10)
    assert _known(clean, "legacy", "orders") == (_salt(clean, "orders"), True)


def test_writers_that_never_end_make_it_give_up(clean: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    with psycopg.connect(clean["legacy"]) as writer:
        write.order(writer, "monolith", number=write.number(), customer="c")
        with pytest.raises(Refused, match="no moment"):
            arm(ORDERS)
    assert _known(clean, "legacy", "orders") == (None, False)


def test_a_side_with_another_salt_is_refused(clean: Databases) -> None:
    with psycopg.connect(clean["orders"]) as connection:
        connection.execute("UPDATE ownership_capability SET salt = 'another'")
    with pytest.raises(Refused, match="another salt"):
        arm(ORDERS)
    assert _known(clean, "orders", "orders") == ("another", False)


def test_disarmed_sides_record_nothing(clean: Databases, legacy: Connection) -> None:
    arm(ORDERS)
    for _ in range(2):
        disarm(ORDERS)
        assert _known(clean, "legacy", "orders") == (_salt(clean, "orders"), False)
        assert _known(clean, "orders", "orders") == (_salt(clean, "orders"), False)
    write.order(legacy, "monolith", number=write.number(), customer="c")
    assert _recorded(legacy) == set()


def test_disarming_is_refused_while_something_is_to_be_relayed(clean: Databases, legacy: Connection) -> None:
    for capability in (ORDERS, PRODUCTS):
        arm(capability)
    write.order(legacy, "monolith", number=write.number(), customer="c")
    with pytest.raises(Refused, match="4 changes of the monolith"):
        disarm(ORDERS)
    assert _known(clean, "legacy", "orders") == (_salt(clean, "orders"), True)
    assert _known(clean, "orders", "orders") == (_salt(clean, "orders"), True)
    # Another capability's changes are no reason.
    disarm(PRODUCTS)


def test_disarming_is_refused_while_a_move_is_open(clean: Databases) -> None:
    arm(ORDERS)
    with psycopg.connect(clean["gateway"]) as gateway:
        gateway.execute(
            "INSERT INTO migration_cutover (capability, buckets, source, target, epoch, started_at, changed_at)"
            " VALUES ('orders', '{0}', 'monolith', 'service', 2, now(), now())"
        )
    with pytest.raises(Refused, match="a move of orders is open"):
        disarm(ORDERS)
    assert _known(clean, "legacy", "orders") == (_salt(clean, "orders"), True)


def test_disarming_is_refused_while_somebody_moves_or_repairs(clean: Databases) -> None:
    arm(ORDERS)
    with connect("gateway") as mover, leading(mover, "cutover.orders"), pytest.raises(Refused, match="right now"):
        disarm(ORDERS)
    disarm(ORDERS)
