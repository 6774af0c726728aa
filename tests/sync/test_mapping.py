"""services.sync.mapping, as the databases do it and as Python does: the same, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from services.sync.mapping import orders, reservations
from services.sync.mapping.capabilities import CAPABILITIES, Pair, Side, other
from services.sync.mapping.sql import KEY, selecting
from services.sync.tables import Table
from tests.sync.conftest import Databases
from tests.unit.sync.rows import CENTS, KEYS, MOMENTS, PRICES, TEXT

PAIRS: Final = [
    pytest.param(pair, side, id=f"{pair.aggregate} from the {side}")
    for capability in CAPABILITIES.values()
    for pair in capability.pairs
    for side in ("monolith", "service")
]
BY_TYPE: Final[dict[str, st.SearchStrategy[Any]]] = {
    "text": TEXT,
    "integer": CENTS,
    "bigint": KEYS,
    "boolean": st.booleans(),
    "timestamptz": MOMENTS,
    "numeric": PRICES,
    "uuid": st.uuids(),
}
BY_COLUMN: Final[dict[tuple[str, str], st.SearchStrategy[Any]]] = {
    ("sales_order", "status"): st.sampled_from(sorted(orders.STATUSES)),
    ("orders_order", "status"): st.sampled_from(sorted(orders.LETTERS)),
    ("sales_order", "total_cents"): st.integers(1, 10**13),
    ("orders_order", "total"): st.decimals(min_value="0.01", max_value="999999999999.99", places=2),
    ("sales_statuschange", "status"): st.sampled_from(sorted(orders.STATUSES)),
    ("orders_statuschange", "status"): st.sampled_from(sorted(orders.LETTERS)),
    ("catalogue_reservation", "state"): st.sampled_from(sorted(reservations.STATES)),
    ("products_reservation", "state"): st.sampled_from(sorted(reservations.LETTERS)),
    ("sales_idempotencykey", "answer"): st.none() | TEXT,
    ("orders_idempotencykey", "state"): st.sampled_from(["in_flight", "done", "abandoned"]),
    ("catalogue_product", "category"): st.none() | TEXT,
    ("products_product", "category"): st.none() | TEXT,
    ("products_product", "deleted_at"): st.none() | MOMENTS,
}


@pytest.fixture(scope="module")
def connection(databases: Databases) -> Iterator[psycopg.Connection[Any]]:
    """A session in which temporary tables stand for the real ones, of either side, without their constraints."""
    with psycopg.connect(databases["legacy"], autocommit=True) as connection:
        yield connection


def _rows(table: Table) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*(BY_COLUMN.get((table.name, column.name), BY_TYPE[column.type]) for column in table.columns))


def _fill(connection: psycopg.Connection[Any], table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Write rows in natural terms into temporary tables, each with rows of its own to refer to."""
    made: dict[str, dict[str, tuple[str, list[Any]]]] = {table.name: {}}
    for index, column in enumerate(table.columns):
        values = [row[index] for row in rows]
        if column.refers_to:
            made.setdefault(column.refers_to, {"id": ("integer", list(range(len(rows))))})
            made[column.refers_to][column.its] = (column.type, values)
            keys = [None if value is None else number for number, value in enumerate(values)]
            made[table.name][column.stored] = ("integer", keys)
        else:
            made[table.name][column.stored] = (column.type, values)
    for name, columns in made.items():
        connection.execute(SQL("DROP TABLE IF EXISTS pg_temp.{}").format(Identifier(name)))
        parts = [SQL("{} {}").format(Identifier(column), SQL(kind)) for column, (kind, _) in columns.items()]
        connection.execute(SQL("CREATE TEMPORARY TABLE {} ({})").format(Identifier(name), SQL(", ").join(parts)))
        arrays = [Composed([Placeholder(), SQL(f"::{kind}[]")]) for kind, _ in columns.values()]
        connection.execute(
            SQL("INSERT INTO {} SELECT * FROM unnest({})").format(Identifier(name), SQL(", ").join(arrays)),
            [values for _, values in columns.values()],
        )


@pytest.mark.parametrize(("pair", "side"), PAIRS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_database_maps_rows_as_python_does(
    connection: psycopg.Connection[Any], pair: Pair, side: Side, data: st.DataObject
) -> None:
    start, target = pair.end(side), pair.end(other(side)).table
    rows = data.draw(st.lists(_rows(start.table), min_size=1, max_size=10))
    _fill(connection, start.table, rows)
    mapped = connection.execute(selecting(pair, side)).fetchall()
    kept = [index for index, column in enumerate(target.columns) if column.name not in target.source_only]
    wanted = [start.mapped(start.make(row)) for row in rows]
    assert sorted(mapped, key=repr) == sorted((tuple(row[index] for index in kept) for row in wanted), key=repr)


@pytest.mark.parametrize(("pair", "side"), PAIRS)
def test_every_column_that_is_written_is_mapped_and_no_other(pair: Pair, side: Side) -> None:
    assert list(pair.end(side).mapped_sql) == [column.name for column in pair.end(other(side)).table.staged()]


def test_a_key_is_spelt_as_in_the_outbox(connection: psycopg.Connection[Any]) -> None:
    lines = next(pair for pair in CAPABILITIES["orders"].pairs if pair.aggregate == "order_line")
    moment = "2026-11-23T10:00:00Z"
    _fill(connection, lines.monolith.table, [(1, moment, "TC-1", 2, "A-1", "Thing", 1, 100)])
    query = SQL("SELECT {} FROM ({}) AS s").format(Identifier(KEY), selecting(lines, "monolith", keyed=True))
    assert connection.execute(query).fetchall() == [('["TC-1", 2]',)]
