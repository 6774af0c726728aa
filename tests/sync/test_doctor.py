"""services.sync.doctor and the commands `doctor` and `move`."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from services.local import postgres
from services.local.errors import LocalError
from services.sync.arm import arm
from services.sync.cli import main
from services.sync.cutover import lock_name
from services.sync.databases import connect, leading
from services.sync.doctor import examine, repair
from services.sync.mapping.capabilities import CAPABILITIES
from tests.sync.conftest import Databases as Urls
from tests.sync.crash import killed_after
from tests.sync.moving import everything, states, toggle
from tests.sync.traffic import Traffic, begin, nothing_lost, one_owner, relay


@pytest.fixture(autouse=True)
def shop(clean: Urls) -> None:
    """Both capabilities with rows at both sides, all owned by the monolith."""
    with psycopg.connect(clean["gateway"]) as gateway:
        gateway.execute("UPDATE routing_toggle SET writes = 0 WHERE writes <> 0")
    for capability in CAPABILITIES:
        arm(CAPABILITIES[capability])
        begin(capability)
        relay(capability)


def kill(clean: Urls, step: str) -> None:
    """Leave a move of the products to the service after a step."""
    killed_after(step, databases=clean, capability="products", buckets=[0], to="service", batch=1)
    until = time.monotonic() + 10
    while examine("products", dry_run=True).moving:
        assert time.monotonic() < until
        time.sleep(0.01)


def set_owner(
    component: str, owner: str, epoch: int, *, buckets: str = "bucket = 0", capability: str = "orders"
) -> None:
    with connect(component) as connection:
        connection.execute(
            f"UPDATE ownership_bucket SET owner = %s, epoch = %s WHERE capability = %s AND {buckets}",
            [owner, epoch, capability],
        )


def test_says_who_owns_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["move", "orders", "--writes", "25"]) == 0
    said = capsys.readouterr().out
    assert "orders: 256 buckets moved to the service, the longest pause" in said
    assert main(["doctor"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[1].split() == ["products", "1", "0", "0", "0", "1–1", "both", "sides", "0", "/", "0", "0"]
    assert rows[2].split() == ["orders", "768", "256", "0", "0", "1–2", "both", "sides", "0", "/", "0", "256"]
    assert rows[3:] == ["all well"]


def test_says_it_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "orders", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    side = {"epochs": [1, 1], "capturing": True, "outbox": 0, "set_aside": 0}
    assert said == {
        "orders": {
            "well": True,
            "moving": False,
            "owned": {"monolith": 1024, "service": 0, "both": 0, "nobody": 0},
            "toggle": 0,
            "sides": {"monolith": {"says": {"self": 1024}, **side}, "service": {"says": {"peer": 1024}, **side}},
            "open_moves": [],
            "repaired": [],
            "findings": [],
        }
    }


def test_a_share_of_writes_moves_buckets_whichever_way_that_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["move", "orders", "--to", "service", "--buckets", "0-9,200"]) == 0
    assert main(["move", "orders", "--writes", "0.5"]) == 0
    owners = one_owner("orders")
    assert {bucket for bucket, (side, _) in owners.items() if side == "service"} == {0, 1, 2, 3, 4}
    assert toggle("orders")[0] == 5
    capsys.readouterr()
    assert main(["move", "orders", "--writes", "0.5"]) == 0
    assert capsys.readouterr().out == "orders: the service owns that share already, nothing to do\n"
    assert main(["move", "orders", "--to", "monolith", "--writes", "1"]) == 1
    assert main(["move", "orders"]) == 1
    assert main(["move", "orders", "--to", "service", "--buckets", "1024"]) == 1
    assert main(["move", "products", "--writes", "50"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "sync: for that share, 5 buckets would have to move to the service",
        "sync: say --to service, --to monolith or --writes PERCENT",
        "sync: '1024' names no buckets: there are 0 to 1023",
        "sync: 50 % of what is owned as a whole: it is 0 or 100",
    ]
    assert main(["move", "products", "--writes", "100"]) == 0
    assert toggle("products")[0] == 1024


@pytest.mark.parametrize("argv", [["move"], ["move", "fish"], ["move", "orders", "--to", "x"], ["doctor", "fish"]])
def test_what_makes_no_sense_is_refused_with_the_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(argv)
    assert raised.value.code == 2
    capsys.readouterr()


def test_a_dry_run_repairs_nothing_and_says_what_it_would(clean: Urls, capsys: pytest.CaptureFixture[str]) -> None:
    kill(clean, "fenced")
    assert main(["doctor", "products", "--dry-run"]) == 1
    said = capsys.readouterr().out
    assert "to repair products: move" in said and "of buckets 0 to the service was left fenced" in said
    assert states() == ["fenced"]
    assert main(["doctor", "products"]) == 0
    assert "was undone; the monolith owns its buckets" in capsys.readouterr().out
    assert (states(), one_owner("products")) == (["abandoned"], {0: ("monolith", 3)})


def test_a_live_mover_is_left_alone(clean: Urls, capsys: pytest.CaptureFixture[str]) -> None:
    kill(clean, "fenced")
    with connect("gateway") as gateway, leading(gateway, lock_name("products")):
        assert repair() == []
        assert main(["doctor"]) == 0
        said = capsys.readouterr().out
        assert "is fenced, and its mover at work" in said
        assert "products is being moved right now: nothing of it was touched" in said
        assert states() == ["fenced"]
    assert len(repair()) == 1
    assert repair() == []
    assert states() == ["abandoned"]


def test_a_decided_move_is_finished_with_its_routing(clean: Urls) -> None:
    kill(clean, "decided")
    assert toggle("products")[0] == 0
    assert repair() == [f"products: move {_last()}, left decided, was finished; the service owns its buckets"]
    assert (one_owner("products"), toggle("products")[0]) == ({0: ("service", 2)}, 1024)


def test_what_no_move_leaves_is_for_people(clean: Urls, capsys: pytest.CaptureFixture[str]) -> None:
    set_owner("legacy", "none", 2, buckets="bucket IN (1, 2)")
    set_owner("orders", "self", 2, buckets="bucket = 5")
    set_owner("orders", "peer", 7, buckets="bucket = 9")
    assert main(["doctor", "orders"]) == 1
    said = capsys.readouterr().out.replace("\n", " ")
    for expected in (
        "for people orders: both sides own buckets 5: the monolith since epoch 1, the service since epoch 2",
        "for people orders: the monolith owns buckets 9 since epoch 1, and the other side has seen 7",
        "for people orders: nobody owns buckets 1-2, and no move explains it: monolith none 2, service peer 1",
    ):
        assert expected in said
    with connect("legacy") as legacy:
        row = legacy.execute("SELECT owner, epoch FROM ownership_bucket WHERE capability = 'orders' AND bucket = 1")
        assert row.fetchone() == ("none", 2)


def test_routing_that_differs_is_set_right(capsys: pytest.CaptureFixture[str]) -> None:
    with connect("gateway") as gateway:
        gateway.execute("UPDATE routing_toggle SET writes = 100 WHERE capability = 'orders'")
    assert main(["doctor", "--dry-run"]) == 1
    assert "the toggle is ahead of ownership: 100 of 1,024 buckets, and the service owns 0" in capsys.readouterr().out
    assert main(["doctor"]) == 0
    assert toggle("orders") == (0, "doctor", "as ownership is")


def test_one_database_that_is_away_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDERS_DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:1/none")
    assert main(["doctor", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["products"]["well"] and not said["orders"]["well"]
    assert "hunter2" not in said["orders"]["unread"]


def test_a_decided_move_whose_target_is_in_the_way_stays_open_and_is_named(
    clean: Urls, capsys: pytest.CaptureFixture[str]
) -> None:
    kill(clean, "decided")
    set_owner("products", "none", 1, capability="products")
    assert main(["doctor", "products"]) == 1
    assert "in a way that no move leaves" in capsys.readouterr().out.replace("\n", " ")
    assert states() == ["decided"]


def test_a_decision_survives_the_database_server(clean: Urls) -> None:
    directory = Path(parse_qs(urlsplit(clean["legacy"]).query)["host"][0])
    pid, data = (directory / ".s.PGSQL.5432.lock").read_text().splitlines()[:2]

    def crash(done: str) -> None:
        if done == "decided":
            os.kill(int(pid), signal.SIGKILL)

    with Traffic("orders") as traffic:
        traffic.progress()
        try:
            report = everything("orders", "service", after=crash)
            assert report.failed
        finally:
            _bring_up(Path(data).parent.parent, clean["legacy"])
        assert len(repair(["orders"])) == 1
        traffic.progress()
    assert {side for side, _ in one_owner("orders").values()} == {"service"}
    assert examine("orders").well
    nothing_lost(traffic)


def _bring_up(home: Path, url: str) -> None:
    until = time.monotonic() + 30
    while True:
        # One that has just been killed may still be listening, and its other processes have still to find out.
        try:
            postgres.ensure(home)
            postgres.release(home)
            psycopg.connect(url).close()
            return
        except (LocalError, psycopg.OperationalError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _last() -> int:
    with connect("gateway") as gateway:
        row = gateway.execute("SELECT max(id) FROM migration_cutover").fetchone()
    assert row
    return int(row[0])
