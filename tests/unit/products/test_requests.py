"""Every problem that a request to the Product API can be answered with, and the order of the checks."""

from __future__ import annotations

from unittest import mock

import pytest
from django.db import OperationalError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.identity import Principal
from services.products import catalogue
from tests.support.rest import Api, body, errors, minter, problem
from tests.unit.products.conftest import MakeProduct

pytestmark = pytest.mark.django_db

JSON = "application/json"
TOO_LARGE = b"x" * ((1 << 20) + 1)


def test_checks_come_in_the_contracts_order(anyone: Api, staff: Api, service: Api) -> None:
    def send(by: Api, content: bytes, media_type: str, *, method: str = "POST", path: str = "/products") -> str:
        return problem(by.send(method, path, content=content, media_type=media_type))

    assert send(anyone, TOO_LARGE, "text/plain", path="/products/lower") == "not-found"
    assert send(anyone, TOO_LARGE, "text/plain", method="PUT") == "method-not-allowed"
    assert send(anyone, TOO_LARGE, "text/plain") == "unauthenticated"
    assert send(service, TOO_LARGE, "text/plain") == "forbidden"
    assert send(staff, TOO_LARGE, "text/plain") == "too-large"
    assert send(staff, b"{", "text/plain") == "unsupported-media-type"
    assert send(staff, b"{", JSON) == "malformed"
    assert send(staff, b"{}", JSON) == "validation"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"stock": NaN}',
        b'{"stock": ' + b"9" * 5000 + b"}",
        b'{"a":' * 100_000,
        "\ufeff{}".encode(),
        "{}".encode("utf-16"),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_json_object_is_malformed(staff: Api, content: bytes) -> None:
    assert problem(staff.post("/products", content=content, media_type=JSON)) == "malformed"


def test_odd_json_is_the_clients_error(staff: Api) -> None:
    content = b'{"sku": 1, "sku": "lower", "name": "\\ud800", "price": 1e999, "stock": -0.0, "category": "\\u0000"}'
    assert errors(staff.post("/products", content=content, media_type=JSON)) == [
        ("/sku", "invalid"),
        ("/name", "invalid"),
        ("/category", "invalid"),
        ("/price", "invalid"),
        ("/stock", "invalid"),
    ]


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_body_whatsoever_is_an_error_of_ours(content: bytes) -> None:
    response = Api("s", "products:write").post("/products", content=content, media_type=JSON)
    assert problem(response) in {"malformed", "validation"}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/products", "GET, POST, HEAD"),
        ("/products/categories", "GET, HEAD"),
        ("/products/A", "GET, PATCH, DELETE, HEAD"),
        ("/products/reservations", "POST"),
        ("/products/reservations/TC-1", "GET, HEAD"),
        ("/products/reservations/TC-1/confirm", "POST"),
        ("/products/reservations/TC-1/release", "POST"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_wrong_method_is_told_which_are_right(anyone: Api, path: str, allowed: str, method: str) -> None:
    response = anyone.send(method, path)
    assert (problem(response), response.headers["Allow"]) == ("method-not-allowed", allowed)


@pytest.mark.parametrize(
    "path",
    ["/products/", "/products/A/", "/products/a", "/products/A%0A", "/products/A%00", "/products/reservations/AB"],
)
def test_a_path_that_leads_nowhere_is_not_found(anyone: Api, path: str) -> None:
    assert problem(anyone.get(path)) == "not-found"


def test_a_token_for_another_component_is_refused_where_anyone_may_read() -> None:
    token = minter("gateway").mint(Principal("c", "customer"), audience="orders")
    response = Client().get("/products", headers={"Authorization": f"Bearer {token}"})
    assert problem(response) == "token-invalid"
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_who_is_asked_for_is_told_how(anyone: Api) -> None:
    assert anyone.post("/products").headers["WWW-Authenticate"] == "Bearer"


def test_pages_past_the_last_do_not_exist_however_far(anyone: Api) -> None:
    for page in (2, 10**9, 10**40):
        assert problem(anyone.get(f"/products?page={page}")) == "no-such-page"


def test_head_answers_as_get_does_without_a_body(anyone: Api, make_product: MakeProduct) -> None:
    make_product("A")
    got, head = anyone.get("/products/A"), anyone.send("HEAD", "/products/A")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.content))


def test_accept_is_not_negotiated() -> None:
    assert body(Client().get("/products?format=xml", headers={"Accept": "text/html"}))["count"] == 0


@pytest.fixture
def lenient_client() -> Client:
    return Client(raise_request_exception=False)


def test_a_database_that_is_away_is_unavailable_and_a_bug_is_internal(lenient_client: Client) -> None:
    with mock.patch.object(catalogue, "categories", side_effect=OperationalError):
        response = lenient_client.get("/products/categories")
    assert (problem(response), response.headers["Retry-After"]) == ("unavailable", "1")
    with mock.patch.object(catalogue, "categories", side_effect=ZeroDivisionError):
        assert problem(lenient_client.get("/products/categories")) == "internal"
