"""services.sync.tables, on a real PostgreSQL: one table that refers to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
                    id serial PRIMARY KEY, shelf_id int NOT NULL REFERENCES shelf, "order" int, remark text,
                    UNIQUE (shelf_id, "order")
                );
                CREATE TEMPORARY TABLE tag (thing_id int REFERENCES thing);
                INSERT INTO shelf VALUES (1, 'a', 'A'), (2, 'b', 'B');
                INSERT INTO thing (shelf_id, "order", remark) VALUES (1, 1, 'x'), (1, 2, NULL), (2, 1, 'y');
                INSERT INTO tag SELECT id FROM thing;
            """)
            yield connection
            connection.rollback()
    finally:
        postgres.release(home)


def _equalise(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> tuple[int, int]:
    """Stage the rows and return how many of the table's were removed and how many were inserted or changed."""
    connection.execute(table.creating_staging())
    with connection.cursor() as cursor, cursor.copy(table.filling_staging()) as copy:
        for row in rows:
            copy.write_row(row)
    for statement in table.removing_dependents():
        connection.execute(statement)
    removed = connection.execute(table.removing()).rowcount
    return removed, connection.execute(table.upserting()).rowcount


def _read(connection: Connection, table: Table) -> set[tuple[Any, ...]]:
    return set(connection.execute(table.reading()).fetchall())


def test_rows_are_read_in_natural_terms(connection: Connection) -> None:
    assert _read(connection, SHELVES) == {(1, "a", "A"), (2, "b", "B")}
    assert _read(connection, THINGS) == {("A", "a", 1, "x"), ("A", "a", 2, None), ("B", "b", 1, "y")}


def test_what_is_equal_already_is_not_touched(connection: Connection) -> None:
    rows = [row[1:] for row in _read(connection, THINGS)]
    assert _equalise(connection, THINGS, rows) == (0, 0)


def test_rows_are_removed_changed_and_inserted_until_they_are_equal(connection: Connection) -> None:
    assert _equalise(connection, THINGS, [("a", 1, "x"), ("a", 2, "now"), ("b", 2, None)]) == (1, 2)
    assert _read(connection, THINGS) == {("A", "a", 1, "x"), ("A", "a", 2, "now"), ("B", "b", 2, None)}
    assert connection.execute("SELECT count(*) FROM tag").fetchone() == (2,)


def test_a_row_keeps_the_key_that_it_has_here(connection: Connection) -> None:
    assert _equalise(connection, SHELVES, [(77, "a", "Z"), (78, "b", "B")]) == (0, 1)
    assert _read(connection, SHELVES) == {(1, "a", "Z"), (2, "b", "B")}


def test_a_row_that_refers_to_nothing_is_refused(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation):
        _equalise(connection, THINGS, [("no-such-shelf", 1, "x")])
