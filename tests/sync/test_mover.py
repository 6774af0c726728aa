"""`./manage.py sync run`, `sync status` and `sync retry`: real processes on real databases."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.local import ports
from services.local.components import REPOSITORY
from services.sync.arm import arm
from services.sync.commands import retry as retry_command
from services.sync.commands import status as status_command
from services.sync.mapping.capabilities import CAPABILITIES
from tests.sync import write
from tests.sync.conftest import Databases
from tests.sync.gate import Gate

RELAYS = [f"relay.{name}.{side}" for name in CAPABILITIES for side in ("monolith", "service")]
OK = {"status": "ok", "checks": dict.fromkeys(RELAYS, "ok")}


class Mover:
    """A `./manage.py sync run` with a port of its own."""

    def __init__(self, **variables: str) -> None:
        self.port = ports.free()["sync"]
        settings = {"SYNC_PORT": str(self.port), "SYNC_RECONCILE_SECONDS": "0", "LOG_FORMAT": "json"}
        self.process = subprocess.Popen(
            [sys.executable, str(REPOSITORY / "manage.py"), "sync", "run"],
            env={**os.environ, **settings, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as stream:
            self.lines.extend(iter(stream.readline, ""))

    def ask(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Return status, content type and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers["Content-Type"], response.read().decode()
        finally:
            connection.close()

    def readiness(self) -> tuple[int, Any]:
        status, _, body = self.ask("/readyz")
        return status, json.loads(body)

    def check(self, relay: str) -> str:
        return str(self.readiness()[1]["checks"][relay])

    def metric(self, series: str) -> float | None:
        """Return a series' value; the order of its labels does not matter."""
        name, _, labels = series.rstrip("}").partition("{")
        wanted = dict(re.findall(r'(\w+)="(\w+)"', labels))
        for family in text_string_to_metric_families(self.ask("/metrics")[2]):
            for sample in family.samples:
                if (sample.name, sample.labels) == (name, wanted):
                    return float(sample.value)
        return None

    def leads(self) -> list[str]:
        """Return the relays that it leads."""
        found = re.findall(
            r'^techcommerce_sync_leader{capability="(\w+)",side="(\w+)"} 1.0$', self.ask("/metrics")[2], re.MULTILINE
        )
        return [f"relay.{capability}.{side}" for capability, side in found]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in map(json.loads, list(self.lines)) if event["event"] == name]

    def wait_ready(self) -> Mover:
        def ready() -> bool:
            assert self.process.poll() is None, "".join(self.lines)
            with suppress(OSError):
                return self.readiness() == (200, OK)
            return False

        eventually(ready)
        return self

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        status = self.process.wait(10)
        self._reader.join(10)
        return status


def eventually(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


@pytest.fixture
def movers(clean: Databases) -> Iterator[Callable[..., Mover]]:
    """Starts movers, and ends them."""
    started: list[Mover] = []

    def start(**variables: str) -> Mover:
        started.append(Mover(**variables))
        return started[-1]

    yield start
    for mover in started:
        if mover.process.poll() is None:
            mover.end(signal.SIGKILL)
        # Shown with a test that failed.
        print("".join(mover.lines))


@pytest.fixture
def armed(clean: Databases) -> Databases:
    for capability in CAPABILITIES.values():
        arm(capability)
    return clean


def order(databases: Databases) -> str:
    """Place an order at the monolith."""
    number = write.number()
    with psycopg.connect(databases["legacy"], autocommit=True) as connection:
        write.order(connection, "monolith", number=number, customer="c-1")
    return number


def has_order(databases: Databases, number: str) -> bool:
    with psycopg.connect(databases["orders"]) as connection:
        row = connection.execute(
            "SELECT count(*) FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id WHERE o.number = %s",
            [number],
        ).fetchone()
    return row == (len(write.LINES),)


def test_is_ready_before_anything_is_recorded_and_begins_when_it_is(
    movers: Callable[..., Mover], clean: Databases
) -> None:
    mover = movers().wait_ready()
    assert mover.leads() == []
    arm(CAPABILITIES["orders"])
    number = order(clean)
    eventually(lambda: has_order(clean, number), 3)
    eventually(lambda: mover.leads() == ["relay.orders.monolith", "relay.orders.service"], 3)


def test_carries_changes_both_ways(movers: Callable[..., Mover], armed: Databases) -> None:
    with psycopg.connect(armed["legacy"]) as legacy, psycopg.connect(armed["products"]) as products:
        legacy.execute("UPDATE ownership_bucket SET owner = 'peer', epoch = 2 WHERE capability = 'products'")
        products.execute("UPDATE ownership_bucket SET owner = 'self', epoch = 2 WHERE capability = 'products'")
    mover = movers().wait_ready()
    number = order(armed)
    with psycopg.connect(armed["products"]) as products:
        write.product(products, "service", sku="X-1")
    with psycopg.connect(armed["legacy"], autocommit=True) as legacy:
        eventually(lambda: legacy.execute("SELECT 1 FROM catalogue_product WHERE code = 'X-1'").fetchone(), 3)
    eventually(lambda: has_order(armed, number), 3)
    eventually(lambda: mover.metric('techcommerce_sync_outbox_rows{capability="orders",side="monolith"}') == 0, 3)
    for series, value in {
        'techcommerce_sync_relayed_total{capability="products",from="service"}': 1,
        'techcommerce_sync_relayed_total{capability="orders",from="monolith"}': 2 + len(write.LINES),
        'techcommerce_sync_set_aside_rows{capability="orders",side="monolith"}': 0,
        'techcommerce_sync_lag_seconds{capability="orders",side="monolith"}': 0,
        'techcommerce_sync_leader{capability="orders",side="monolith"}': 1,
        'techcommerce_ownership_buckets{capability="orders",owner="monolith"}': 1024,
        'techcommerce_ownership_buckets{capability="orders",owner="service"}': 0,
        'techcommerce_ownership_buckets{capability="products",owner="service"}': 1,
        'techcommerce_ownership_buckets{capability="products",owner="nobody"}': 0,
    }.items():
        assert mover.metric(series) == value, series
    assert mover.metric('techcommerce_sync_apply_seconds_count{capability="products",from="service"}')


def test_answers_three_pages_and_refuses_all_else(movers: Callable[..., Mover], clean: Databases) -> None:
    mover = movers().wait_ready()
    assert mover.ask("/healthz") == (200, "application/json", '{"status": "ok"}')
    assert mover.ask("/metrics")[1].startswith("text/plain; version=")
    assert mover.ask("/healthz", "HEAD") == (200, "application/json", "")
    for method, path, status in (("GET", "/", 404), ("GET", "/healthz/", 404), ("POST", "/readyz", 405)):
        found, content_type, body = mover.ask(path, method)
        assert (found, content_type, json.loads(body)["status"]) == (status, "application/problem+json", status)
    assert mover.end(signal.SIGINT) == 0


def test_of_two_movers_one_leads_and_the_other_takes_over(movers: Callable[..., Mover], armed: Databases) -> None:
    first = movers().wait_ready()
    assert first.leads() == RELAYS
    second = movers().wait_ready()
    assert second.leads() == []
    assert {event["leader"] for event in second.events("relay")} == {first.events("mover_started")[0]["name"]}
    first.end(signal.SIGKILL)
    number = order(armed)
    eventually(lambda: has_order(armed, number), 5)
    eventually(lambda: second.leads() == RELAYS, 5)


def test_leaves_at_once_when_told_to(movers: Callable[..., Mover], armed: Databases) -> None:
    mover = movers().wait_ready()
    numbers = [order(armed) for _ in range(20)]
    began = time.monotonic()
    assert mover.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 2
    assert mover.events("mover_stopped")[0]["late"] == []
    # Whatever it had not come to waits for the next one.
    movers()
    eventually(lambda: all(has_order(armed, one) for one in numbers))


def test_a_receiver_that_goes_away_keeps_one_relay_waiting_and_loses_nothing(
    movers: Callable[..., Mover], armed: Databases
) -> None:
    with Gate(armed["orders"]) as gate:
        mover = movers(ORDERS_DATABASE_URL=gate.url).wait_ready()
        gate.shut()
        numbers = [order(armed) for _ in range(5)]
        eventually(lambda: mover.readiness()[0] == 503)
        eventually(lambda: mover.check("relay.orders.service") == "orders: OperationalError")
        assert mover.check("relay.orders.monolith") == "orders: OperationalError"
        assert mover.check("relay.products.monolith") == "ok"
        waiting = 5 * (2 + len(write.LINES))
        outbox = 'techcommerce_sync_outbox_rows{capability="orders",side="%s"}'
        eventually(lambda: mover.metric(outbox % "monolith") == waiting)
        lag = 'techcommerce_sync_lag_seconds{capability="orders",side="monolith"}'
        eventually(lambda: (mover.metric(lag) or 0) > 0.2)
        # Nobody knows what is in there, and nobody claims to.
        assert mover.metric(outbox % "service") is None
        assert mover.metric('techcommerce_ownership_buckets{capability="orders",owner="nobody"}') is None
        assert mover.ask("/healthz")[0] == 200
        gate.open()
        eventually(lambda: all(has_order(armed, one) for one in numbers))
        mover.wait_ready()
        assert [event["database"] for event in mover.events("relay_lost")] == ["orders", "orders"]
        assert not mover.events("relay_failed")


def test_a_session_that_is_ended_is_made_again(movers: Callable[..., Mover], armed: Databases) -> None:
    mover = movers().wait_ready()
    with psycopg.connect(armed["legacy"], autocommit=True) as legacy:
        ended = legacy.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name LIKE 'sync run %' AND usename = current_user"
        ).fetchone()
    assert ended and ended[0] >= 4
    number = order(armed)
    eventually(lambda: has_order(armed, number), 5)
    mover.wait_ready()


def test_compares_the_sides(movers: Callable[..., Mover], armed: Databases) -> None:
    with psycopg.connect(armed["gateway"]) as gateway:
        gateway.execute("DELETE FROM migration_reconciliation")
    mover = movers(SYNC_RECONCILE_SECONDS="0.5")
    mover.wait_ready()
    for name in CAPABILITIES:
        series = f'techcommerce_sync_reconcile_age_seconds{{capability="{name}"}}'
        eventually(lambda series=series: mover.metric(series) is not None)  # type: ignore[misc]
        assert mover.metric(f'techcommerce_sync_reconcile_differences{{capability="{name}"}}') == 0
    assert not mover.events("round_failed")


def test_finishes_a_move_whose_mover_has_gone(movers: Callable[..., Mover], armed: Databases) -> None:
    with psycopg.connect(armed["gateway"]) as gateway:
        gateway.execute(
            "INSERT INTO migration_cutover (capability, buckets, source, target, epoch, state, started_at, changed_at)"
            " VALUES ('products', '{0}', 'monolith', 'service', 2, 'intended', now(), now())"
        )
    mover = movers()
    with psycopg.connect(armed["gateway"], autocommit=True) as gateway:
        states = "SELECT state FROM migration_cutover"
        eventually(lambda: gateway.execute(states).fetchall() == [("abandoned",)])
    eventually(lambda: mover.events("repair"))


def test_status_names_what_was_set_aside_and_retry_sends_it_again(
    movers: Callable[..., Mover], armed: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    number = order(armed)
    with psycopg.connect(armed["legacy"], autocommit=True) as legacy:
        legacy.execute("UPDATE ownership_outbox SET failed_at = now(), reason = 'it [b]did[/b] not fit'")
    mover = movers().wait_ready()
    status = status_as_json(capsys)
    side = status["capabilities"]["orders"]["sides"]["monolith"]
    changes = 2 + len(write.LINES)
    assert (side["set_aside"], side["capturing"]) == (changes, True)
    assert side["leader"] == mover.events("mover_started")[0]["name"]
    [named] = side["first_set_aside"]
    assert (named["root"], named["changes"], named["reason"]) == (number, changes, "it [b]did[/b] not fit")
    assert status["capabilities"]["orders"]["buckets"] == {"monolith": 1024, "service": 0, "nobody": 0}
    assert run(status_command, "--json") == 0
    capsys.readouterr()
    assert run(status_command) == 0
    assert "it [b]did[/b] not fit" in " ".join(capsys.readouterr().out.split())
    assert mover.metric('techcommerce_sync_set_aside_rows{capability="orders",side="monolith"}') == changes

    assert run(retry_command, "orders", "no-such-order") == 0
    assert capsys.readouterr().out == "orders: nothing was set aside\n"
    assert run(retry_command, "orders", number) == 0
    assert capsys.readouterr().out == f"orders: {changes} changes will be relayed again\n"
    eventually(lambda: has_order(armed, number), 3)


def test_status_says_which_database_is_away(
    clean: Databases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDERS_DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:1/none")
    assert run(status_command) == 1
    said = capsys.readouterr()
    assert re.search(r"^not read the database of orders: ", said.out, re.MULTILINE)
    assert "hunter2" not in said.out + said.err and "Traceback" not in said.out + said.err
    assert run(status_command, "--json") == 1
    status = json.loads(capsys.readouterr().out)
    assert list(status["away"]) == ["orders"]
    assert list(status["capabilities"]["orders"]["sides"]) == ["monolith"]
    assert status["capabilities"]["orders"]["buckets"]["nobody"] is None


def status_as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    run(status_command, "--json")
    return json.loads(capsys.readouterr().out)


def run(command: Any, *words: str) -> int:
    import argparse

    parser = argparse.ArgumentParser()
    command.configure(parser)
    status: int = command.run(parser.parse_args(words))
    return status
