"""What the Order API refuses before it looks at its tables."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.rest import Api, body, errors, problem
from tests.unit.orders.conftest import SHIP_TO, Keeper

pytestmark = pytest.mark.django_db

JSON = "application/json"
TOO_LARGE = b"x" * ((1 << 20) + 1)


def test_checks_come_in_the_contracts_order(buyer: Api, service: Api) -> None:
    def send(
        by: Api, content: bytes, media_type: str, *, method: str = "POST", path: str = "/orders", **kwargs: Any
    ) -> str:
        return problem(by.send(method, path, content=content, media_type=media_type, **kwargs))

    assert send(Api(), TOO_LARGE, "text/plain", path="/orders/lower") == "not-found"
    assert send(Api(), TOO_LARGE, "text/plain", method="DELETE") == "method-not-allowed"
    assert send(Api(), TOO_LARGE, "text/plain") == "unauthenticated"
    assert send(service, TOO_LARGE, "text/plain") == "forbidden"
    assert send(buyer, TOO_LARGE, "text/plain") == "too-large"
    assert send(buyer, b"{", "text/plain") == "unsupported-media-type"
    assert send(buyer, b"{", JSON) == "malformed"
    assert send(buyer, b"{}", JSON) == "idempotency-key-missing"
    assert send(buyer, b"{}", JSON, headers={"Idempotency-Key": "a b"}) == "idempotency-key-invalid"
    assert send(buyer, b"{}", JSON, headers={"Idempotency-Key": "a"}) == "validation"


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é", "a\tb"])
def test_a_key_is_1_to_255_visible_ascii_characters(buyer: Api, key: str) -> None:
    assert problem(buyer.post("/orders", {}, headers={"Idempotency-Key": key})) == "idempotency-key-invalid"


def test_every_wrong_member_is_named_in_order(buyer: Api, keeper: Keeper) -> None:
    members = {
        "ship_to": {**SHIP_TO, "country": "x" * 61, "name": " ", "city": None, "street": "\x00"},
        "lines": [{"sku": "a", "quantity": 0}, {"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 10001}],
    }
    assert errors(buyer.post("/orders", members, headers={"Idempotency-Key": "k"})) == [
        ("/lines/0/sku", "invalid"),
        ("/lines/0/quantity", "too_small"),
        ("/lines/2/sku", "duplicate"),
        ("/lines/2/quantity", "too_large"),
        ("/ship_to/name", "blank"),
        ("/ship_to/street", "invalid"),
        ("/ship_to/city", "null"),
        ("/ship_to/country", "too_long"),
    ]
    assert keeper.calls == []


def test_an_address_is_kept_without_white_space_around_it(buyer: Api) -> None:
    padded = {name: f" \t{value}\n" for name, value in SHIP_TO.items()}
    members = {"lines": [{"sku": "A", "quantity": 1}], "ship_to": {**padded, "planet": "Earth"}}
    response = buyer.post("/orders", members, headers={"Idempotency-Key": "k"})
    assert body(response)["ship_to"] == SHIP_TO


def test_shortfalls_reach_the_client(buyer: Api) -> None:
    members = {"lines": [{"sku": "B", "quantity": 11}, {"sku": "A", "quantity": 12}], "ship_to": SHIP_TO}
    response = buyer.post("/orders", members, headers={"Idempotency-Key": "k"})
    assert problem(response) == "insufficient-stock"
    assert body(response)["shortfalls"] == [
        {"sku": "A", "requested": 12, "available": 10},
        {"sku": "B", "requested": 11, "available": 10},
    ]


def test_a_keeper_that_is_away_is_unavailable(buyer: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: Keeper, request: object) -> object:
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr(Keeper, "__call__", crash)
    members = {"lines": [{"sku": "A", "quantity": 1}], "ship_to": SHIP_TO}
    response = buyer.post("/orders", members, headers={"Idempotency-Key": "k"})
    assert (problem(response), response.headers["Retry-After"]) == ("unavailable", "1")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=new", [("status", "invalid")]),
        ("status=%00&page=0&page_size=x", [("status", "invalid"), ("page", "too_small"), ("page_size", "invalid")]),
        ("customer=%00", [("customer", "invalid")]),
        (f"customer={'x' * 65}", [("customer", "too_long")]),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(operator: Api, query: str, expected: list[tuple[str, str]]) -> None:
    assert errors(operator.get(f"/orders?{query}")) == expected


def test_a_customer_may_not_filter_by_customer_so_it_is_not_looked_at(buyer: Api) -> None:
    assert body(buyer.get("/orders?customer=%00"))["count"] == 0


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/orders", "GET, POST, HEAD"),
        ("/orders/TC-1", "GET, HEAD"),
        ("/orders/TC-1/cancel", "POST"),
        ("/orders/TC-1/status", "POST"),
        ("/orders/TC-1/settle", "POST"),
    ],
)
def test_a_wrong_method_is_told_which_are_right(path: str, allowed: str) -> None:
    for method in ("PUT", "OPTIONS"):
        response = Api().send(method, path)
        assert (problem(response), response.headers["Allow"]) == ("method-not-allowed", allowed)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/orders/TC-1/status"), ("POST", "/orders/TC-1/settle"), ("GET", "/orders"), ("POST", "/orders")],
)
def test_nothing_is_done_for_someone_without_the_scope(method: str, path: str) -> None:
    other = Api("service:orders", "products:reserve", kind="service")
    assert problem(other.send(method, path, json={})) == "forbidden"
    assert problem(Api().send(method, path, json={})) == "unauthenticated"
