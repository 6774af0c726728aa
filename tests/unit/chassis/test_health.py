"""services.chassis.health"""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

CLIENT = Client(raise_request_exception=False)


def test_a_process_that_answers_is_alive_although_its_database_is_away() -> None:
    response = CLIENT.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_it_is_not_ready_while_its_database_is_away(django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        response = CLIENT.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "checks": {"database": "OperationalError"}}


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_probes_are_read_only(path: str) -> None:
    assert CLIENT.head(path).status_code == 200
    assert CLIENT.post(path).status_code == 405


def test_it_shows_metrics() -> None:
    response = CLIENT.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert b"http_server_request_duration_seconds" in response.content
