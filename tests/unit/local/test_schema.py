"""The record of a finished migration is true or is not believed."""

from collections.abc import Iterator

import psycopg
import pytest

from services.local import schema
from services.local.components import ORDERS
from services.local.postgres import ServerInfo


@pytest.fixture
def url(server: ServerInfo) -> Iterator[str]:
    url = server.url("orders")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE django_migrations (id serial, app text, name text)")
        connection.execute("INSERT INTO django_migrations (app, name) VALUES ('orders', '0001'), ('orders', '0002')")
        yield url
        connection.execute("DROP TABLE IF EXISTS django_migrations")


def test_is_believed_once_made(url: str) -> None:
    assert not schema.is_current(ORDERS, url)
    schema.record(ORDERS, url)
    assert schema.is_current(ORDERS, url)


@pytest.mark.parametrize("undo", ["DELETE FROM django_migrations WHERE name = '0002'", "DROP TABLE django_migrations"])
def test_is_not_believed_when_something_was_undone(url: str, undo: str) -> None:
    schema.record(ORDERS, url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(undo)
    assert not schema.is_current(ORDERS, url)


def test_is_not_believed_when_migrations_changed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.record(ORDERS, url)
    monkeypatch.setattr(schema, "_sources", lambda component: "other")
    assert not schema.is_current(ORDERS, url)


def test_a_database_that_is_away_is_not_current(server: ServerInfo) -> None:
    assert not schema.is_current(ORDERS, "postgresql://nobody@127.0.0.1:1/none")
