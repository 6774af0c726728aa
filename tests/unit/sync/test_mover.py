"""services.sync.pulse, services.sync.rounds, services.sync.metrics, services.sync.health"""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.sync.health import application
from services.sync.measure import PAUSE_BUCKETS, Control, Pauses, Reconciled
from services.sync.metrics import Collector
from services.sync.pulse import (
    BUSY_SECONDS,
    IDLE_SECONDS,
    STALE_SECONDS,
    Backoff,
    Beat,
    Measured,
    Pulse,
    State,
    checks,
    idle_pause,
    verdict,
)
from services.sync.rounds import Rounds


def measured(**changes: Any) -> Measured:
    return Measured(**{"capturing": True, "own": 1, "waiting": 0, "set_aside": 0, "lag": 0.0, **changes})


def pulses(**states: State) -> list[Pulse]:
    return [
        Pulse("products", side, Beat(states.get(side, "leads"), 100.0, "products: OperationalError"), measured())
        for side in ("monolith", "service")
    ]


@given(st.integers(0, 2**32))
def test_pauses_double_up_to_five_seconds_and_begin_anew_after_success(seed: int) -> None:
    backoff = Backoff(random.Random(seed))
    for _ in range(2):
        for attempt in range(12):
            longest = min(0.1 * 2**attempt, 5.0)
            assert longest / 2 <= backoff.pause() <= longest
        backoff.reset()


@pytest.mark.parametrize(
    ("state", "silent", "said"),
    [
        ("starting", 0, "has not begun"),
        ("off", 0, "ok"),
        ("leads", 0, "ok"),
        ("follows", STALE_SECONDS, "ok"),
        ("leads", STALE_SECONDS + 1, "silent for 11 s"),
        ("off", 60, "silent for 60 s"),
        ("failing", 0, "orders: OperationalError"),
        ("failing", 60, "orders: OperationalError"),
    ],
)
def test_a_relay_is_well_that_has_spoken_and_does_not_fail(state: State, silent: float, said: str) -> None:
    assert verdict(Beat(state, 100.0, "orders: OperationalError"), now=100.0 + silent) == said


def test_every_relay_is_checked_by_its_name() -> None:
    found = checks(pulses(service="failing"), now=101.0)
    assert found == {"relay.products.monolith": "ok", "relay.products.service": "products: OperationalError"}


@pytest.mark.parametrize(
    ("changes", "called_for"),
    [
        ({}, True),
        ({"capturing": False}, False),
        ({"capturing": False, "waiting": 1}, True),
        ({"capturing": False, "set_aside": 1}, True),
    ],
)
def test_a_relay_is_called_for_while_something_is_recorded_or_left(changes: dict[str, Any], called_for: bool) -> None:
    assert measured(**changes).called_for is called_for


def test_a_full_batch_is_followed_at_once_and_an_idle_relay_rests_ever_longer() -> None:
    assert idle_pause(1000, limit=1000, before=IDLE_SECONDS) == 0
    assert idle_pause(1, limit=1000, before=IDLE_SECONDS) == BUSY_SECONDS
    rests = [0.0]
    for _ in range(6):
        rests.append(idle_pause(0, limit=1000, before=rests[-1]))
    assert rests[1:] == sorted(rests[1:]) and rests[1] == BUSY_SECONDS and rests[-1] == IDLE_SECONDS


def test_rounds_go_on_after_a_failure() -> None:
    stopping = threading.Event()
    seen: list[int] = []

    def act() -> None:
        seen.append(len(seen))
        if len(seen) == 3:
            stopping.set()
        raise RuntimeError("no")

    Rounds("test", act, every=0.01, stopping=stopping).run()
    assert seen == [0, 1, 2]


def ask(
    pulses: list[Pulse], path: str, *, now: float = 101.0, method: str = "GET"
) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path}
    setup_testing_defaults(environ)
    said: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], error: object = None) -> Callable[[bytes], object]:
        said.update(status=status, headers=dict(headers))
        return lambda body: None

    body = b"".join(application(pulses, clock=lambda: now)(environ, start_response))
    return said["status"], said["headers"], body


def test_is_ready_when_every_relay_is_well() -> None:
    status, headers, body = ask(pulses(service="follows"), "/readyz")
    assert (status, headers["Content-Type"]) == ("200 OK", "application/json")
    ok = {"relay.products.monolith": "ok", "relay.products.service": "ok"}
    assert json.loads(body) == {"status": "ok", "checks": ok}


@pytest.mark.parametrize("state", ["failing", "starting"])
def test_is_not_ready_when_one_is_not(state: State) -> None:
    status, _, body = ask(pulses(service=state), "/readyz")
    said = json.loads(body)
    assert (status, said["status"]) == ("503 Service Unavailable", "unavailable")
    assert said["checks"]["relay.products.monolith"] == "ok" != said["checks"]["relay.products.service"]


def test_is_alive_when_nothing_is_well() -> None:
    assert ask(pulses(monolith="failing", service="failing"), "/healthz", now=math.inf)[0] == "200 OK"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_only_reads_are_answered(method: str) -> None:
    status, headers, body = ask(pulses(), "/readyz", method=method)
    assert (status, headers["Allow"]) == ("405 Method Not Allowed", "GET, HEAD")
    assert (headers["Content-Type"], json.loads(body)["type"]) == (
        "application/problem+json",
        "/problems/method-not-allowed",
    )


def values(collector: Collector) -> dict[tuple[str, tuple[str, ...]], float]:
    registry = CollectorRegistry()
    registry.register(collector)
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_says_what_was_measured_last() -> None:
    monolith, service = pulses()
    monolith.measured = measured(own=1, waiting=7, set_aside=2, lag=1.5)
    service.measured = measured(own=0)
    service.beat = Beat("follows", 100.0, "another")
    found = values(Collector([monolith, service], lambda: None))
    side = ("products", "monolith")
    assert found["techcommerce_sync_outbox_rows", side] == 7
    assert found["techcommerce_sync_set_aside_rows", side] == 2
    assert found["techcommerce_sync_lag_seconds", side] == 1.5
    assert found["techcommerce_sync_leader", side] == 1
    assert found["techcommerce_sync_leader", ("products", "service")] == 0
    owners = {
        owner: found["techcommerce_ownership_buckets", ("products", owner)]
        for owner in ("monolith", "service", "nobody")
    }
    assert owners == {"monolith": 1, "service": 0, "nobody": 0}


def test_says_nothing_of_a_database_that_is_away() -> None:
    monolith, service = pulses(service="failing")
    service.measured = None
    found = values(Collector([monolith, service], lambda: None))
    assert ("techcommerce_sync_outbox_rows", ("products", "service")) not in found
    assert ("techcommerce_ownership_buckets", ("products", "nobody")) not in found
    assert found["techcommerce_sync_leader", ("products", "service")] == 0
    assert not any(name.startswith(("techcommerce_cutover", "techcommerce_sync_reconcile")) for name, _ in found)


def test_says_what_the_control_plane_knows() -> None:
    counts = [0] * (len(PAUSE_BUCKETS) + 1)
    counts[3], counts[-1] = 4, 1
    known = Control(
        reconciled={"orders": Reconciled(datetime(2026, 11, 24, 12, tzinfo=UTC), 10, 3)},
        moves={("orders", "service", "done"): 5},
        pauses={"orders": Pauses(counts, 9.5)},
        open_seconds={"orders": 2.5},
    )
    now = datetime(2026, 11, 24, 12, 1, tzinfo=UTC).timestamp()
    found = values(Collector([], lambda: known, clock=lambda: now))
    assert found["techcommerce_sync_reconcile_differences", ("orders",)] == 3
    assert found["techcommerce_sync_reconcile_age_seconds", ("orders",)] == 60
    assert found["techcommerce_cutovers_total", ("orders", "done", "service")] == 5
    assert found["techcommerce_cutover_open_seconds", ("orders",)] == 2.5
    assert found["techcommerce_cutover_open_seconds", ("products",)] == 0
    assert found["techcommerce_cutover_pause_seconds_bucket", ("orders", "0.02")] == 0
    assert found["techcommerce_cutover_pause_seconds_bucket", ("orders", "0.04")] == 4
    assert found["techcommerce_cutover_pause_seconds_count", ("orders",)] == 5
    assert found["techcommerce_cutover_pause_seconds_sum", ("orders",)] == 9.5
