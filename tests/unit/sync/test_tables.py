"""services.sync.tables, on a real PostgreSQL: one table that refers to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.local import postgres
from services.sync.tables import Column, Table
from tests.rooms import home_directory

SHELVES = Table(
    name="shelf",
    columns=(Column("id", "integer", own=True), Column("slug", "text"), Column("title", "text")),
    key=("slug",),
)
THINGS = Table(
    name="thing",
    columns=(
        Column("made", "text", column="shelf_id", refers_to="shelf", its="title"),
        Column("shelf", "text", column="shelf_id", refers_to="shelf", its="slug"),
        Column("order", "integer"),
        Column("note", "text", column="remark"),
    ),
    key=("shelf", "order"),
    source_only=("made",),
    dependents=(("tag", "thing_id"),),
    needs=(("note", "word", "spelling"),),
)
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection() -> Iterator[Connection]:
    home = home_directory()
    home.mkdir(parents=True, exist_ok=True)
    server = postgres.ensure(home)
    try:
        with psycopg.connect(server.url("legacy")) as connection:
            connection.execute("""
                CREATE TEMPORARY TABLE shelf (id int PRIMARY KEY, slug text UNIQUE, title text);
                CREATE TEMPORARY TABLE thing (
                    id serial PRIMARY KEY, shelf_id int REFERENCES shelf, "order" int, remark text,
                    UNIQUE (shelf_id, "order")
                );
                CREATE TEMPORARY TABLE tag (thing_id int REFERENCES thing);
                CREATE TEMPORARY TABLE word (spelling text);
                INSERT INTO shelf VALUES (1, 'a', 'A'), (2, 'b', 'B');
                INSERT INTO thing (shelf_id, "order", remark) VALUES (1, 1, 'x'), (1, 2, NULL), (2, 1, 'y');
                INSERT INTO tag SELECT id FROM thing;
                INSERT INTO word VALUES ('x'), ('y'), ('now');
            """)
            yield connection
            connection.rollback()
    finally:
        postgres.release(home)


def _upsert(connection: Connection, table: Table, *rows: tuple[Any, ...]) -> int:
    return connection.execute(table.upserting(), {"rows": table.document(rows)}).rowcount


def _delete(connection: Connection, table: Table, *rows: tuple[Any, ...]) -> list[int]:
    return [connection.execute(one, {"rows": table.document(rows)}).rowcount for one in table.deleting()]


def _missing(connection: Connection, table: Table, *rows: tuple[Any, ...]) -> Any:
    query = table.missing()
    assert query
    return connection.execute(query, {"rows": table.document(rows)}).fetchone()


def _things(connection: Connection) -> set[tuple[Any, ...]]:
    query = 'SELECT slug, "order", remark FROM thing LEFT JOIN shelf ON shelf.id = shelf_id'
    return set(connection.execute(query).fetchall())


def test_what_is_equal_already_is_not_touched(connection: Connection) -> None:
    assert _upsert(connection, THINGS, ("A", "a", 1, "x"), ("A", "a", 2, None)) == 0


def test_rows_are_inserted_where_they_are_absent_and_changed_where_they_differ(connection: Connection) -> None:
    assert _upsert(connection, THINGS, ("A", "a", 1, "x"), ("A", "a", 2, "now"), ("B", "b", 2, None)) == 2
    assert _things(connection) == {("a", 1, "x"), ("a", 2, "now"), ("b", 1, "y"), ("b", 2, None)}


def test_a_row_keeps_the_key_that_it_has_here(connection: Connection) -> None:
    assert _upsert(connection, SHELVES, (77, "a", "Z"), (78, "b", "B")) == 1
    assert set(connection.execute("SELECT * FROM shelf").fetchall()) == {(1, "a", "Z"), (2, "b", "B")}


def test_rows_are_deleted_by_their_natural_key_with_what_exists_here_alone(connection: Connection) -> None:
    assert _delete(connection, THINGS, ("A", "a", 2, "whatever"), ("B", "b", 9, None)) == [1, 1]
    assert _things(connection) == {("a", 1, "x"), ("b", 1, "y")}


def test_a_reference_that_is_not_there_is_named(connection: Connection) -> None:
    assert _missing(connection, THINGS, ("A", "a", 1, "x"), ("", None, 3, None)) is None
    assert _missing(connection, THINGS, ("A", "a", 1, "x"), ("", "c", 3, None)) == ("shelf", "c")
    assert _missing(connection, THINGS, ("A", "a", 1, "unheard")) == ("word", "unheard")
    assert SHELVES.missing() is None


def test_a_payload_is_read_by_the_names_that_the_row_and_what_it_refers_to_have() -> None:
    payload = {"shelf_id": 1, "shelf": "a", "made": "A", "order": 3, "remark": None, "more": True}
    assert THINGS.row(payload) == ["A", "a", 3, None]


def test_what_json_has_no_values_of_is_read_as_what_it_is() -> None:
    table = Table(
        name="all",
        columns=(Column("id", "uuid"), Column("at", "timestamptz"), Column("price", "numeric"), Column("n", "numeric")),
        key=("id",),
    )
    key = UUID("0190a2b0-0000-7000-8000-000000000001")
    moment = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
    payload = {"id": str(key), "at": "2026-11-23T11:00:00.123456+01:00", "price": Decimal("2.50"), "n": 3}
    assert table.row(payload) == [key, moment, Decimal("2.50"), Decimal(3)]
    assert table.row(dict.fromkeys(payload)) == [None] * 4


def test_arriving_rows_lose_nothing_on_their_way_into_a_statement(connection: Connection) -> None:
    table = Table(
        name="all_types",
        columns=(Column("id", "uuid"), Column("at", "timestamptz"), Column("price", "numeric"), Column("t", "text")),
        key=("id",),
    )
    connection.execute("CREATE TEMPORARY TABLE all_types (id uuid PRIMARY KEY, at timestamptz, price numeric, t text)")
    row = (
        UUID("0190a2b0-0000-7000-8000-000000000001"),
        datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC),
        Decimal("99999999999999999.01"),
        'quote " backslash \\ line \n snowman ☃ beyond 𝄞',
    )
    assert _upsert(connection, table, row) == 1
    assert connection.execute("SELECT * FROM all_types").fetchone() == row
