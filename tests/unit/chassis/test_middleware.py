"""services.chassis.middleware and services.chassis.views"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from services.chassis.identity import Kind, Minter, Principal

CLIENT = Client(raise_request_exception=False)


def _bearer(minter: Minter, *scopes: str, audience: str = "products", kind: Kind = "customer") -> dict[str, str]:
    token = minter.mint(Principal("c-1", kind, frozenset(scopes)), audience=audience)
    return {"Authorization": f"Bearer {token}"}


def test_it_knows_the_bearer_of_a_token(minter: Minter) -> None:
    assert CLIENT.get("/products/who", headers=_bearer(minter)).json()["subject"] == "c-1"


def test_it_knows_nobody_without_a_token() -> None:
    assert CLIENT.get("/products/who").json()["subject"] is None


def test_it_refuses_a_token_for_another(minter: Minter) -> None:
    response = CLIENT.get("/products/who", headers=_bearer(minter, audience="orders"))
    assert (response.status_code, response.json()["type"]) == (401, "/problems/token-invalid")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.headers["Content-Type"] == "application/problem+json"


def test_it_looks_at_tokens_on_the_apis_paths_only() -> None:
    response = CLIENT.get("/open/who", headers={"Authorization": "Basic dXNlcjpwYXNz"})
    assert (response.status_code, response.json()["subject"]) == (200, None)


@pytest.mark.parametrize(
    ("scopes", "status"),
    [((), 403), (("orders",), 403), (("products:write",), 200), (("orders", "orders:operate"), 200)],
)
def test_it_requires_one_of_the_scopes(minter: Minter, scopes: tuple[str, ...], status: int) -> None:
    assert CLIENT.get("/products/staff", headers=_bearer(minter, *scopes)).status_code == status


def test_it_asks_the_unknown_who_they_are() -> None:
    response = CLIENT.get("/products/staff")
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_it_renders_what_views_raise() -> None:
    response = CLIENT.get("/products/sold-out")
    assert (response.status_code, response.headers["X-A"]) == (409, "b")
    assert response.json()["type"] == "/problems/insufficient-stock"


def test_a_body_over_the_limit_is_too_large() -> None:
    assert CLIENT.post("/products/length", b"x" * 1000, content_type="text/plain").json() == {"length": 1000}
    response = CLIENT.post("/products/length", b"x" * 1001, content_type="text/plain")
    assert (response.status_code, response.json()["type"]) == (413, "/problems/too-large")


def test_what_django_refuses_is_malformed() -> None:
    response = CLIENT.get("/products/bad")
    assert (response.status_code, response.json()["type"]) == (400, "/problems/malformed")


def test_a_path_that_leads_nowhere_is_a_problem() -> None:
    response = CLIENT.get("/nowhere")
    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")
    assert response.headers["Content-Type"] == "application/problem+json"


def _errors(kind: str) -> float:
    labels = {
        "http_request_method": "GET",
        "http_route": "/products/broken",
        "http_response_status_code": "500",
        "error_type": kind,
    }
    return REGISTRY.get_sample_value("http_server_request_duration_seconds_count", labels) or 0.0


def test_a_bug_is_answered_without_a_word_of_it_and_counted() -> None:
    before = _errors("RuntimeError")
    response = CLIENT.get("/products/broken")
    assert (response.status_code, response.json()["type"]) == (500, "/problems/internal")
    assert b"42" not in response.content
    assert response.headers["X-Request-Id"]
    assert _errors("RuntimeError") == before + 1


def test_it_continues_the_trace_and_answers_with_the_request_id() -> None:
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = CLIENT.get("/products/who", headers={"traceparent": header, "X-Request-Id": "r-1"})
    assert response.json()["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert response.headers["X-Request-Id"] == "r-1"


def test_it_writes_one_line_per_request_and_none_for_probes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="services.chassis.middleware")
    CLIENT.get("/products/who")
    CLIENT.get("/healthz")
    records: list[Any] = [record for record in caplog.records if record.name == "services.chassis.middleware"]
    assert len(records) == 1
    assert "/products/who" in str(records[0].msg)


def test_a_request_is_active_only_while_it_runs() -> None:
    CLIENT.get("/products/broken")
    CLIENT.get("/products/who")
    assert REGISTRY.get_sample_value("http_server_active_requests", {"http_request_method": "GET"}) == 0
