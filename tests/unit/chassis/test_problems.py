"""services.chassis.problems"""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.problems import KINDS, FieldError, Problem, validation
from tests.support import catalogue


def test_its_catalogue_is_the_contracts() -> None:
    assert {slug: (kind.status, kind.title) for slug, kind in KINDS.items()} == catalogue.problems()


@pytest.mark.parametrize("code", sorted(catalogue.field_details()))
def test_its_field_details_are_the_contracts(code: str) -> None:
    said = FieldError("/x", code, limit=7).as_json()["detail"]
    assert said == catalogue.detail(code, 7 if code.startswith("too_") else None)


@pytest.mark.parametrize("slug", sorted(KINDS))
def test_it_renders_every_kind_with_its_members_in_order(slug: str) -> None:
    problem = Problem(slug, extra=[1])
    body = json.loads(problem.body())
    assert list(body) == ["type", "title", "status", "detail", "extra"]
    assert (body["type"], body["status"]) == (f"/problems/{slug}", problem.status)
    assert body["detail"] == KINDS[slug].detail


def test_it_says_what_the_raiser_says() -> None:
    problem = Problem("not-found", detail="No lamp.", headers={"X-A": "b"})
    assert (problem.as_json()["detail"], problem.headers) == ("No lamp.", {"X-A": "b"})


@pytest.mark.parametrize(
    ("slug", "headers"),
    [
        ("unauthenticated", {"WWW-Authenticate": "Bearer"}),
        ("token-invalid", {"WWW-Authenticate": 'Bearer error="invalid_token"'}),
        ("idempotency-key-in-flight", {"Retry-After": "1"}),
        ("unavailable", {"Retry-After": "1"}),
        ("forbidden", {}),
    ],
)
def test_it_sends_the_headers_the_contract_asks_for(slug: str, headers: dict[str, str]) -> None:
    assert Problem(slug).headers == headers


def test_one_problems_headers_are_not_anothers() -> None:
    Problem("unavailable", headers={"X-A": "b"})
    assert Problem("unavailable").headers == {"Retry-After": "1"}


def test_it_tells_pointers_from_parameters() -> None:
    body = validation([FieldError("/lines/0/sku", "invalid"), FieldError("page", "too_small", 1)]).as_json()
    assert body["errors"] == [
        {"pointer": "/lines/0/sku", "code": "invalid", "detail": "Not a valid value."},
        {"parameter": "page", "code": "too_small", "detail": "Must be at least 1."},
    ]


def test_it_says_limits_as_they_are_written() -> None:
    assert FieldError("/a", "too_small", Decimal("0.01")).as_json()["detail"] == "Must be at least 0.01."


@given(st.text())
def test_it_renders_any_text(detail: str) -> None:
    body = json.loads(Problem("not-found", detail=detail or None).body().decode())
    assert body["detail"] == (detail or KINDS["not-found"].detail)
