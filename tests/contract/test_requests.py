"""What is checked of every request, in order: route, identity, size, media type, JSON, key, members, state."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.shop import (
    LEGACY,
    ORDERS,
    PRODUCTS,
    STAFF,
    Caller,
    Shop,
    customer,
    error,
    errors,
    new_key,
    new_number,
    new_sku,
    problem,
)

BUYER = customer("c-requests")
HUGE = b'{"x": "' + b"x" * (10 << 20) + b'"}'
OVER = b"x" * ((1 << 20) + 1)

WRITES: list[tuple[str, str, Caller]] = [
    ("POST", "/products", STAFF),
    ("PATCH", "/products/NO-SUCH", STAFF),
    ("POST", "/products/reservations", ORDERS),
    ("POST", "/orders", BUYER),
    ("POST", "/orders/NO-SUCH/status", STAFF),
    ("POST", "/orders/NO-SUCH/settle", PRODUCTS),
]
BODILESS: list[tuple[str, str, Caller]] = [
    ("DELETE", "/products/NO-SUCH", STAFF),
    ("POST", "/products/reservations/NO-SUCH/confirm", ORDERS),
    ("POST", "/products/reservations/NO-SUCH/release", ORDERS),
    ("POST", "/orders/NO-SUCH/cancel", BUYER),
]
PRIVATE_READS: list[tuple[str, str, Caller]] = [
    ("GET", "/orders", BUYER),
    ("GET", "/orders/NO-SUCH", BUYER),
    ("GET", "/products/reservations/NO-SUCH", ORDERS),
]
ALLOWED = {
    "/products": {"GET", "HEAD", "POST"},
    "/products/categories": {"GET", "HEAD"},
    "/products/NO-SUCH": {"GET", "HEAD", "PATCH", "DELETE"},
    "/products/reservations": {"POST"},
    "/products/reservations/NO-SUCH": {"GET", "HEAD"},
    "/products/reservations/NO-SUCH/confirm": {"POST"},
    "/products/reservations/NO-SUCH/release": {"POST"},
    "/orders": {"GET", "HEAD", "POST"},
    "/orders/NO-SUCH": {"GET", "HEAD"},
    "/orders/NO-SUCH/cancel": {"POST"},
    "/orders/NO-SUCH/status": {"POST"},
    "/orders/NO-SUCH/settle": {"POST"},
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _send_too_much(
    shop: Shop, method: str, path: str, caller: Caller, content: bytes, media_type: str
) -> httpx.Response:
    """Return the answer; ask again where the connection went first: who refuses a body need not read all of it."""
    for _ in range(5):
        try:
            return shop.send(method, path, by=caller, content=content, headers={"Content-Type": media_type})
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            continue
    raise AssertionError("no answer in five attempts")


def _named(case: tuple[str, str, Caller]) -> str:
    return f"{case[0]} {case[1]}"


@pytest.mark.parametrize("path", ALLOWED)
def test_a_wrong_method_is_a_405_that_says_which_are_right(shop: Shop, path: str) -> None:
    """Before identity: nobody needs to be known to be told so."""
    for method in METHODS:
        if method not in ALLOWED[path]:
            response = shop.send(method, path)
            assert (response.status_code, problem(response)) == (405, "method-not-allowed")
            allow = {word.strip() for word in response.headers["Allow"].split(",")}
            assert allow - {"OPTIONS"} == ALLOWED[path]


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "OPTIONS"])
def test_a_method_that_no_resource_has_is_a_405(shop: Shop, method: str) -> None:
    for path in ("/products", "/orders"):
        assert shop.send(method, path).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/products/NO-SUCH/more",
        "/products/reservations/NO-SUCH/more",
        "/products/reservations/NO-SUCH/confirm/",
        "/products/categories/lamps",
        "/orders/NO-SUCH/more",
        "/orders/NO-SUCH/cancel/",
        "/orders/lower",
        "/orders/lower/cancel",
        "/orders//cancel",
        "/products//",
        "/products/%2e%2e/orders",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_leads_nowhere_is_a_404_before_identity_is_asked(shop: Shop, method: str, path: str) -> None:
    response = shop.send(method, path)
    assert (response.status_code, problem(response)) == (404, "not-found")


@pytest.mark.parametrize("case", [*WRITES, *BODILESS, *PRIVATE_READS], ids=_named)
def test_nobody_is_asked_who_they_are(shop: Shop, case: tuple[str, str, Caller]) -> None:
    method, path, _ = case
    response = shop.send(method, path, content=b"" if method == "GET" else b"not json")
    assert (response.status_code, problem(response)) == (401, "unauthenticated")


@pytest.mark.parametrize("case", [*WRITES, *BODILESS, *PRIVATE_READS], ids=_named)
def test_an_identity_without_the_scope_is_refused_before_the_body_is_read(
    shop: Shop, case: tuple[str, str, Caller]
) -> None:
    method, path, caller = case
    wrong = ORDERS if path.startswith("/orders") else PRODUCTS
    if caller is PRODUCTS:
        wrong = ORDERS
    response = shop.send(method, path, by=wrong, content=b"" if method == "GET" else b"not json")
    assert (response.status_code, problem(response)) == (403, "forbidden")


@pytest.mark.parametrize("caller", [BUYER, ORDERS])
def test_only_staff_change_products(shop: Shop, caller: Caller) -> None:
    for method, path in (("POST", "/products"), ("PATCH", "/products/NO-SUCH"), ("DELETE", "/products/NO-SUCH")):
        response = shop.send(method, path, by=caller, json={})
        assert (response.status_code, problem(response)) == (403, "forbidden")


@pytest.mark.parametrize("case", WRITES, ids=_named)
def test_a_body_over_the_limit_is_refused_before_its_media_type_is_looked_at(
    shop: Shop, case: tuple[str, str, Caller]
) -> None:
    method, path, caller = case
    response = _send_too_much(shop, method, path, caller, OVER, "text/plain")
    assert (response.status_code, problem(response)) == (413, "too-large")


def test_ten_megabytes_are_refused(shop: Shop) -> None:
    response = _send_too_much(shop, "POST", "/orders", BUYER, HUGE, "application/json")
    assert (response.status_code, problem(response)) == (413, "too-large")


def test_a_body_at_the_limit_is_read(shop: Shop) -> None:
    content = b'{"x": "' + b"x" * ((1 << 20) - 9) + b'"}'
    assert len(content) == 1 << 20
    headers = {"Content-Type": "application/json"}
    assert problem(shop.post("/products", by=STAFF, content=content, headers=headers)) == "validation"


@pytest.mark.parametrize("case", WRITES, ids=_named)
@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_media_type_is_refused_before_the_body_is_parsed(
    shop: Shop, case: tuple[str, str, Caller], media_type: str | None
) -> None:
    method, path, caller = case
    headers = {"Content-Type": media_type} if media_type else {}
    response = shop.send(method, path, by=caller, content=b"{", headers=headers)
    assert (response.status_code, problem(response)) == (415, "unsupported-media-type")


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_read_whatever_its_parameters(shop: Shop, media_type: str) -> None:
    response = shop.post("/products", by=STAFF, content=b"{}", headers={"Content-Type": media_type})
    assert problem(response) == "validation"


MALFORMED = [
    b"",
    b" ",
    b"{",
    b"not json",
    b"null",
    b"true",
    b"[]",
    b'"text"',
    b"3",
    b"\xff\xfe{}",
    b'{"name": "\xff"}',
    b'{"name": "\xed\xa0\x80"}',
    '{"name": "x"}'.encode("utf-16"),
    b'{"stock": NaN}',
    b'{"stock": Infinity}',
    b'{"stock": -Infinity}',
    b'{"stock": 01}',
    b'{"a": 1,}',
    b"{'a': 1}",
    b"{}{}",
    b'{"a": "\x00"}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
]


@pytest.mark.parametrize("content", MALFORMED, ids=[repr(content[:24]) for content in MALFORMED])
def test_a_body_that_is_no_json_object_is_malformed(shop: Shop, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for method, path, caller in (("POST", "/products", STAFF), ("POST", "/orders", BUYER)):
        response = shop.send(method, path, by=caller, content=content, headers=headers)
        assert (response.status_code, problem(response)) == (400, "malformed")


@pytest.mark.parametrize("case", WRITES, ids=_named)
def test_every_write_wants_an_object(shop: Shop, case: tuple[str, str, Caller]) -> None:
    method, path, caller = case
    response = shop.send(method, path, by=caller, json=[])
    assert (response.status_code, problem(response)) == (400, "malformed")


@pytest.mark.parametrize(
    "content",
    [
        b'{"stock": 1e400}',
        b'{"stock": ' + b"9" * 5000 + b"}",
        b'{"name": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"sku": "A", "sku": "lower", "sku": 7}',
        b'{"__proto__": {}, "": 1, "\\ud800": 2}',
    ],
    ids=["overflow", "digits", "nested", "duplicates", "members"],
)
def test_odd_json_is_the_clients_error(shop: Shop, content: bytes) -> None:
    response = shop.post("/products", by=STAFF, content=content, headers={"Content-Type": "application/json"})
    assert problem(response) in {"malformed", "validation"}


def test_the_key_is_looked_at_after_the_body_and_before_its_members(shop: Shop) -> None:
    assert problem(shop.post("/orders", by=BUYER, json=[], headers={"Idempotency-Key": "a b"})) == "malformed"
    assert problem(shop.post("/orders", by=BUYER, json={})) == "idempotency-key-missing"
    response = shop.post("/orders", by=BUYER, json={}, headers={"Idempotency-Key": new_key()})
    assert problem(response) == "validation"


def test_members_are_looked_at_before_what_is_there(shop: Shop) -> None:
    for path, by, body, where in (
        (f"/orders/{new_number()}/status", STAFF, {"status": "x"}, error("/status", "invalid")),
        (
            "/products/reservations",
            LEGACY,
            {"order": new_number(), "customer": "c", "lines": []},
            error("/lines", "empty"),
        ),
    ):
        assert errors(shop.post(path, by=by, json=body)) == [where]
    sku = shop.make_product()["sku"]
    assert problem(shop.post("/products", by=STAFF, json={"sku": sku})) == "validation"


def test_an_answer_carries_the_request_id_that_was_sent(shop: Shop) -> None:
    assert shop.get("/products", headers={"X-Request-Id": "abc-123"}).headers["X-Request-Id"] == "abc-123"
    made_up = shop.get("/products", headers={"X-Request-Id": "no good {}"}).headers["X-Request-Id"]
    assert made_up and made_up != "no good {}"


def test_answers_are_whole_numbers_and_text_not_html(shop: Shop) -> None:
    name = "<script>alert('1 & 2')</script> \u2028"
    sku = shop.make_product(name=name)["sku"]
    seen: dict[str, Any] = shop.get(f"/products/{sku}").json()
    assert seen["name"] == name
    assert type(seen["stock"]) is int


def test_a_deleted_product_leaves_no_body_behind(shop: Shop) -> None:
    sku = shop.make_product(sku=new_sku())["sku"]
    response = shop.send("DELETE", f"/products/{sku}", by=STAFF)
    assert (response.status_code, response.content) == (204, b"")
