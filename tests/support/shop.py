"""The shop as its API's clients see it, whichever implementation answers.

Every answer is held to what the contract says of all answers before a test sees it.
"""

from __future__ import annotations

import json as jsonlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from services.chassis.identity import Kind, Minter, Owner, Principal
from tests.support import catalogue

SHIP_TO: Final = {
    "name": "Ada Byron",
    "street": "12 St James's Square",
    "city": "London",
    "postcode": "SW1Y 4JH",
    "country": "United Kingdom",
}
_UNSET: Final = object()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is sent by."""

    subject: str
    kind: Kind
    scopes: frozenset[str]
    component: str = "gateway"
    """The component whose key signs on the way through the gateway."""


def customer(subject: str | None = None) -> Caller:
    """Return a customer, a new one unless named."""
    return Caller(subject or f"c-{secrets.token_hex(8)}", "customer", frozenset({"orders"}))


STAFF: Final = Caller("staff-1", "staff", frozenset({"orders", "products:write", "orders:operate"}))
ORDERS: Final = Caller("service:orders", "service", frozenset({"products:reserve"}), component="orders")
PRODUCTS: Final = Caller("service:products", "service", frozenset({"orders:settle"}), component="products")
LEGACY: Final = Caller(
    "service:legacy", "service", frozenset({"products:reserve", "orders:settle"}), component="legacy"
)


@dataclass(frozen=True, slots=True)
class Door:
    """Where a capability's requests go, and whose name must be on their tokens."""

    url: str
    audience: str


@dataclass(slots=True)
class Shop:
    """One implementation of the contract."""

    name: str
    products: Door
    orders: Door
    minters: Mapping[str, Minter]
    owners: Mapping[str, Owner]
    http: httpx.Client

    @property
    def direct(self) -> bool:
        """Tell whether requests go to the upstreams themselves."""
        return self.products.audience != "gateway"

    def door(self, path: str) -> Door:
        """Return where a path is answered."""
        return self.orders if path.startswith("/orders") else self.products

    def token(self, caller: Caller, *, audience: str, lifetime: int = 60) -> str:
        """Return a token as the gateway would hand to the upstream, or as the gateway itself accepts it."""
        if audience == "gateway":
            principal = Principal(caller.subject, caller.kind, caller.scopes)
            return self.minters[caller.component].mint(principal, audience=audience, lifetime=lifetime)
        principal = Principal(caller.subject, caller.kind, caller.scopes, self.owners)
        return self.minters["gateway"].mint(principal, audience=audience, lifetime=lifetime)

    def send(
        self,
        method: str,
        path: str,
        *,
        by: Caller | None = None,
        json: Any = _UNSET,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the answer to one request, after holding it to what is promised of every answer."""
        door = self.door(path)
        sent: dict[str, str] = {}
        if by is not None:
            sent["Authorization"] = f"Bearer {self.token(by, audience=door.audience)}"
        if json is not _UNSET:
            content = jsonlib.dumps(json).encode()
            sent["Content-Type"] = "application/json"
        response = self.http.request(method, door.url + path, content=content, headers={**sent, **(headers or {})})
        hold_to_contract(response)
        return response

    def get(self, path: str, *, by: Caller | None = None, **kwargs: Any) -> httpx.Response:
        return self.send("GET", path, by=by, **kwargs)

    def post(self, path: str, *, by: Caller | None = None, **kwargs: Any) -> httpx.Response:
        return self.send("POST", path, by=by, **kwargs)

    def make_product(self, **fields: Any) -> dict[str, Any]:
        """Return a new product, with what is not said made up."""
        sku = fields.pop("sku", None) or new_sku()
        price = {"amount": fields.pop("price", "2.50"), "currency": "GBP"}
        body = {"sku": sku, "name": f"Thing {sku}", "price": price, "stock": 10, **fields}
        response = self.post("/products", by=STAFF, json=body)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    def stock(self, sku: str) -> int:
        """Return how many of a product can still be sold."""
        response = self.get(f"/products/{sku}")
        assert response.status_code == 200, response.text
        stock: int = response.json()["stock"]
        return stock

    def place(
        self,
        by: Caller,
        lines: list[dict[str, Any]],
        *,
        key: str | None = None,
        ship_to: Any = None,
    ) -> httpx.Response:
        """Return the answer to an order for these lines."""
        body = {"lines": lines, "ship_to": SHIP_TO if ship_to is None else ship_to}
        return self.post("/orders", by=by, json=body, headers={"Idempotency-Key": key or new_key()})

    def place_one(self, by: Caller, *, quantity: int = 1, stock: int = 10) -> dict[str, Any]:
        """Return a new order for one new product."""
        product = self.make_product(stock=stock)
        response = self.place(by, [line(product["sku"], quantity)])
        assert response.status_code == 201, response.text
        placed: dict[str, Any] = response.json()
        return placed

    def move(self, number: str, *statuses: str) -> None:
        """Take an order through these statuses."""
        for status in statuses:
            response = self.post(f"/orders/{number}/status", by=STAFF, json={"status": status})
            assert response.status_code == 200, response.text


def line(sku: str, quantity: int = 1) -> dict[str, Any]:
    """Return a line of an order or reservation as a client sends it."""
    return {"sku": sku, "quantity": quantity}


def new_sku() -> str:
    """Return a sku that no product has."""
    return f"T-{secrets.token_hex(6).upper()}"


def new_number() -> str:
    """Return an order number that no order has."""
    return f"T-{secrets.token_hex(6).upper()}"


def new_key() -> str:
    """Return an Idempotency-Key that nobody has used."""
    return secrets.token_hex(16)


def hold_to_contract(response: httpx.Response) -> None:
    """Fail where an answer breaks what the contract says of all of them."""
    where = f"{response.request.method} {response.request.url} -> {response.status_code} {response.text[:500]}"
    assert response.status_code != 500, where
    assert response.headers.get("X-Request-Id"), where
    media_type = response.headers.get("Content-Type", "")
    if response.status_code == 204:
        assert response.content == b"", where
        return
    if response.status_code < 400:
        assert media_type.split(";")[0] == "application/json", where
        return
    assert media_type == "application/problem+json", where
    if response.request.method != "HEAD":
        _hold_problem_to_contract(response, where)


def _hold_problem_to_contract(response: httpx.Response, where: str) -> None:
    body = response.json()
    assert list(body)[:4] == ["type", "title", "status", "detail"], where
    slug = body["type"].removeprefix("/problems/")
    assert body["type"] == f"/problems/{slug}", where
    promised = catalogue.problems()[slug]
    assert (body["status"], body["title"]) == tuple(promised), where
    assert response.status_code == promised.status, where
    assert body["detail"], where
    if promised.status == 401:
        error = ' error="invalid_token"' if slug == "token-invalid" else ""
        assert response.headers.get("WWW-Authenticate") == f"Bearer{error}", where
    if promised.status == 405:
        assert response.headers.get("Allow"), where
    if slug in {"idempotency-key-in-flight", "unavailable"}:
        assert response.headers.get("Retry-After") == "1", where
    if slug == "validation":
        seen = [error.get("pointer", error.get("parameter")) for error in body["errors"]]
        assert seen and len(seen) == len(set(seen)), where


def problem(response: httpx.Response) -> str:
    """Return the slug of the problem that was answered; fails when it was none."""
    assert response.status_code >= 400, f"{response.status_code} {response.text}"
    slug: str = response.json()["type"].removeprefix("/problems/")
    return slug


def errors(response: httpx.Response) -> list[tuple[str, str, str]]:
    """Return the field errors of a `validation` answer as (pointer or parameter, code, detail)."""
    assert response.status_code == 422, f"{response.status_code} {response.text}"
    assert problem(response) == "validation"
    found = []
    for error in response.json()["errors"]:
        kind = "pointer" if "pointer" in error else "parameter"
        assert list(error) == [kind, "code", "detail"]
        assert error[kind].startswith("/") == (kind == "pointer")
        found.append((error[kind], error["code"], error["detail"]))
    return found


def error(where: str, code: str, limit: object = None) -> tuple[str, str, str]:
    """Return one field error as `errors` does."""
    return where, code, catalogue.detail(code, limit)
