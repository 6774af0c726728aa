"""The embedded PostgreSQL keeps components apart and lives exactly as long as someone holds it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dj_database_url
import psycopg
import pytest

from services.local import locks, postgres
from services.local.components import REPOSITORY
from services.local.postgres import ROLES, ServerInfo

HOLD = "import sys,time,pathlib; from services.local import postgres; i=postgres.ensure(pathlib.Path(sys.argv[1]));"


def test_gives_every_component_a_database_of_its_own(server: ServerInfo) -> None:
    for role in ROLES:
        with psycopg.connect(server.url(role)) as connection:
            row = connection.execute(
                "SELECT current_user, current_database(), datlocprovider, datlocale, pg_get_userbyid(datdba)"
                " FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert row == (role, role, "b", "C.UTF-8", role)


@pytest.mark.parametrize(
    ("role", "database"), [(role, database) for role in ROLES for database in (*ROLES, "template1") if role != database]
)
def test_lets_no_component_into_the_database_of_another(server: ServerInfo, role: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
        psycopg.connect(server.url(role, database=database))


def test_lets_nobody_log_in_as_another_without_the_password(server: ServerInfo) -> None:
    for role in (*ROLES, postgres.SUPERUSER):
        for password in ("", server.passwords["legacy" if role != "legacy" else "orders"]):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(host=str(server.socket_directory), user=role, dbname=role, password=password)


def test_keeps_test_databases_apart(server: ServerInfo) -> None:
    with psycopg.connect(server.url("orders", database="postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE test_orders_gw0")
        try:
            psycopg.connect(server.url("orders", database="test_orders_gw0")).close()
            with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
                psycopg.connect(server.url("legacy", database="test_orders_gw0"))
        finally:
            connection.execute("DROP DATABASE test_orders_gw0")


def test_does_not_keep_passwords_where_others_read_them(server: ServerInfo, server_home: Path) -> None:
    assert (server_home / "postgres/data/passwords.json").stat().st_mode & 0o077 == 0
    assert all(password not in repr(server) for password in server.passwords.values())


def test_url_survives_django_s_parser_whatever_the_path() -> None:
    info = ServerInfo(Path("/Some Where/ÜP"), {"orders": "p"})
    config = dj_database_url.parse(info.url("orders"))
    assert config["OPTIONS"] == {"host": "/Some Where/ÜP"}
    assert (config["USER"], config["PASSWORD"], config["NAME"], config["HOST"]) == ("orders", "p", "orders", "")


def test_runs_as_it_was_set(server: ServerInfo) -> None:
    with psycopg.connect(server.superuser_url) as connection:
        shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "max_connections")}
    assert shown == {"fsync": ("on",), "max_connections": ("300",)}


def test_comes_up_once_when_several_begin_at_once_and_goes_down_with_the_last(tmp_path: Path) -> None:
    # A path longer than a unix socket's may be, and with a space.
    home = tmp_path / ("long " + "x" * 90)
    command = [sys.executable, "-W", "error", "-c", HOLD + "print(i.superuser_url, flush=True); time.sleep(60)"]
    holders = [
        subprocess.Popen([*command, str(home)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    try:
        urls = {holder.stdout.readline().strip() for holder in holders if holder.stdout}
        (url,) = urls
        for holder in holders[:2]:
            holder.kill()
        time.sleep(0.2)
        psycopg.connect(url).close()
    finally:
        for holder in holders:
            # Killed outright: what stops the server must not be up to them.
            holder.send_signal(signal.SIGKILL)
            holder.communicate()
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            break
        assert time.monotonic() < deadline, "the server outlived those who held it"
        time.sleep(0.2)


def test_says_in_one_line_what_keeps_it_from_starting(tmp_path: Path) -> None:
    postgres.ensure(tmp_path)
    postgres.release(tmp_path)
    (tmp_path / "postgres/data/postgresql.conf").write_text("no such setting\n")
    with pytest.raises(postgres.PostgresError) as raised:
        postgres.ensure(tmp_path)
    assert "\n" not in str(raised.value)
    shutil.rmtree(tmp_path / "postgres")


def test_locks_go_with_the_process_that_held_them(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    one, two = locks.shared(path), locks.shared(path)
    os.close(one)
    assert locks.exclusive_or_none(path) is None
    os.close(two)
    alone = locks.exclusive_or_none(path)
    assert alone is not None
    os.close(alone)
