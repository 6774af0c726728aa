"""services.chassis.metrics"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from services.chassis import metrics


def _count(**labels: str) -> float:
    return REGISTRY.get_sample_value("http_server_request_duration_seconds_count", labels) or 0.0


@given(st.text())
def test_clients_cannot_make_series_of_methods(method: str) -> None:
    assert metrics.known_method(method) in {*metrics.METHODS, metrics.OTHER_METHOD}


def test_it_counts_a_request_under_its_route_and_status() -> None:
    labels = {
        "http_request_method": "GET",
        "http_route": "/products/<sku>",
        "http_response_status_code": "404",
        "error_type": "",
    }
    before = _count(**labels)
    metrics.observe(method="GET", route="/products/<sku>", status=404, seconds=0.01)
    assert _count(**labels) == before + 1


def test_a_server_error_has_a_type_even_when_nobody_named_it() -> None:
    labels = {
        "http_request_method": "_OTHER",
        "http_route": "/x",
        "http_response_status_code": "503",
        "error_type": "503",
    }
    before = _count(**labels)
    metrics.observe(method="BREW", route="/x", status=503, seconds=0.01)
    assert _count(**labels) == before + 1


def test_it_shows_them_as_prometheus_text() -> None:
    metrics.observe(method="GET", route="/shown", status=200, seconds=0.01)
    body, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    assert b'http_route="/shown"' in body
