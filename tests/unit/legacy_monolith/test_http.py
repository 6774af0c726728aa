"""legacy_monolith.http: what holds for every request, in the contract's order of checks."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.test import RequestFactory

from legacy_monolith import http
from services.chassis import contract
from services.chassis.problems import Problem
from tests.unit.legacy_monolith.conftest import Api

pytestmark = pytest.mark.django_db

TOO_LARGE = b" " * (contract.BODY_MAX + 1)


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


@pytest.mark.parametrize(
    "path",
    [
        "/products/",
        "/orders/",
        "/products/lower",
        "/products/A/b",
        "/orders/abc",
        "/orders/ABC",
        "/nothing",
        "/products/" + "A" * 41,
        "/orders/ABCD/unknown",
    ],
)
def test_a_path_that_matches_nothing_is_not_found(api: Api, path: str) -> None:
    answer = api("GET", path, who="operator")
    assert (answer.status_code, slug(answer)) == (404, "not-found")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/products", "GET, HEAD, POST"),
        ("POST", "/products/A", "DELETE, GET, HEAD, PATCH"),
        ("DELETE", "/products/categories", "GET, HEAD"),
        ("GET", "/products/reservations", "POST"),
        ("GET", "/orders/ABCD/cancel", "POST"),
        ("OPTIONS", "/orders", "GET, HEAD, POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones_before_who_is_asking(
    api: Api, method: str, path: str, allow: str
) -> None:
    answer = api(method, path)
    assert (answer.status_code, answer["Allow"]) == (405, allow)


def test_head_answers_like_get_without_a_body(api: Api, shop: object) -> None:
    got, head = api("GET", "/products"), api("HEAD", "/products")
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Length"] == got["Content-Length"]


def test_identity_comes_before_the_body(api: Api) -> None:
    assert slug(api("POST", "/orders", TOO_LARGE)) == "unauthenticated"
    assert slug(api("POST", "/products", TOO_LARGE, who="customer")) == "forbidden"


def test_size_comes_before_the_media_type(api: Api) -> None:
    answer = api("POST", "/orders", TOO_LARGE, who="ada", content_type="text/plain")
    assert (answer.status_code, slug(answer)) == (413, "too-large")
    assert slug(api("POST", "/orders/ABCD/cancel", TOO_LARGE, who="ada")) == "too-large"


def test_the_media_type_comes_before_json(api: Api) -> None:
    assert slug(api("POST", "/orders", b"{", who="ada", content_type="text/plain")) == "unsupported-media-type"
    assert slug(api("POST", "/orders", b"{", who="ada", content_type="")) == "unsupported-media-type"


def test_json_comes_before_the_key_and_the_key_before_validation(api: Api) -> None:
    assert slug(api("POST", "/orders", b"{", who="ada")) == "malformed"
    assert slug(api("POST", "/orders", b"[]", who="ada")) == "malformed"
    assert slug(api("POST", "/orders", {}, who="ada")) == "idempotency-key-missing"
    assert slug(api("POST", "/orders", {}, who="ada", Idempotency_Key="a b")) == "idempotency-key-invalid"
    assert slug(api("POST", "/orders", {}, who="ada", Idempotency_Key="")) == "idempotency-key-invalid"
    assert slug(api("POST", "/orders", {}, who="ada", Idempotency_Key="k")) == "validation"


def test_validation_comes_before_state(api: Api) -> None:
    assert slug(api("PATCH", "/products/NOPE", {"stock": -1}, who="operator")) == "validation"
    assert slug(api("PATCH", "/products/NOPE", {"stock": 1}, who="operator")) == "not-found"
    assert slug(api("POST", "/orders/NOPE/status", {}, who="operator")) == "validation"
    assert slug(api("POST", "/orders/NOPE/status", {"status": "paid"}, who="operator")) == "not-found"


def test_media_type_parameters_and_case_are_allowed(api: Api) -> None:
    answer = api("POST", "/products", {}, who="operator", content_type="Application/JSON; charset=utf-8")
    assert slug(answer) == "validation"


def test_a_chunked_body_is_read(rf: RequestFactory) -> None:
    def request(body: bytes) -> Any:
        sent = rf.generic("POST", "/products", body, content_type="application/json")
        sent.META |= {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
        return sent

    assert http.body(request(b'{"a": 1}')) == {"a": 1}
    with pytest.raises(Problem, match="too-large"):
        http.body(request(TOO_LARGE))


def test_a_query_that_is_not_utf_8_finds_nothing_and_breaks_nothing(api: Api, shop: object) -> None:
    assert api("GET", "/products?search=%ff%fe").json()["count"] == 0


def test_text_is_answered_as_it_is(api: Api) -> None:
    body = {"sku": "CAFE", "name": "Café ☕ “fine”", "price": {"amount": "1.00", "currency": "GBP"}}
    assert api("POST", "/products", body, who="operator").status_code == 201
    answer = api("GET", "/products/CAFE")
    assert "Café ☕ “fine”".encode() in answer.content
    assert json.loads(answer.content)["name"] == "Café ☕ “fine”"
