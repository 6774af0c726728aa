"""Two hundred requests as one shop's day would send them, the same every time.

What a run makes carries the run's word, so that a second run beside the first sees only its own; what the API makes up
(order numbers) is remembered under a name and filled in where a later request says `{name}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx

from tests.support.shop import ORDERS, PRODUCTS, SHIP_TO, STAFF, Caller, Shop, customer

WORD: Final = "runword"
"""Stands for the run's word in what is recorded and in what is compared."""
NUMBER: Final = 200
_HEADERS: Final = ("Allow", "Content-Type", "Idempotency-Replayed", "Location", "Retry-After", "WWW-Authenticate")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_ORDER: Final = re.compile(r"TC-[0-9A-HJKMNP-TV-Z]{12}")


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    path: str
    by: str = ""
    """`staff`, `orders`, `products`, or a customer's name; nobody when empty."""
    body: Any = None
    key: str = ""
    remember: str = ""
    """The name under which the answer's order number is kept."""
    headers: Mapping[str, str] = field(default_factory=dict)


def sku(n: int) -> str:
    return f"{WORD.upper()}-{n:02}"


def requests() -> list[Request]:
    """Return the recorded requests, in order."""
    found = [*_catalogue(), *_lists(), *_refused(), *_changes(), *_reservations(), *_orders(), *_wrong_ways()]
    assert len(found) == NUMBER, len(found)
    return found


def _catalogue() -> Iterator[Request]:
    for n in range(24):
        body = {
            "sku": sku(n),
            "name": f"{'abcXYZéß'[n % 8]} thing {n} {WORD}",
            "description": "Blue enamel" if n % 5 == 0 else "",
            "price": {"amount": f"{(n * 7) % 11 + 1}.{n:02}", "currency": "GBP"},
            "stock": (n * 3) % 10,
        }
        yield Request("POST", "/products", "staff", body)


def _lists() -> Iterator[Request]:
    base = f"/products?search={WORD}"
    for ordering in ("name", "-name", "price", "-price", "newest"):
        yield Request("GET", f"{base}&ordering={ordering}")
        yield Request("GET", f"{base}&ordering={ordering}&page=2&page_size=7")
        yield Request("GET", f"{base}&ordering={ordering}&in_stock=true&page_size=5")
    for extra in (
        "&price_min=3&price_max=7.5",
        "&price_max=0.5",
        "&in_stock=false",
        f"&sku={sku(1)},{sku(3)},NONE",
        "&category=no-such",
        "&page_size=100",
        "&page=3",
        "&page=4&page_size=10",
        "+enamel",
        "+ENAMEL&price_min=2",
        "+" + quote("É"),
        "+" + quote("ß"),
        "+%25",
        "&page_size=1&page=24",
    ):
        yield Request("GET", base + extra)
    for n in range(11):
        yield Request("GET", f"/products/{sku(n)}")


def _refused() -> Iterator[Request]:
    for query in (
        "page=0",
        "page=x",
        "page=-3",
        "page_size=101",
        "page_size=0",
        "price_min=1.234",
        "price_max=-1",
        "price_min=NaN",
        "price_max=100000",
        "in_stock=maybe",
        "ordering=stock",
        "search=%00",
        f"search={'x' * 101}",
        f"page=%2B1&search={WORD}",
        f"page=01&search={WORD}",
        f"price_min=01.5&search={WORD}",
        "page=999999999999999999999999",
        "page=x&ordering=x&page_size=x",
    ):
        yield Request("GET", f"/products?{query}")
    good = {"sku": sku(90), "name": "N", "price": {"amount": "1.00", "currency": "GBP"}}
    for change in (
        {"sku": "lower"},
        {"sku": ""},
        {"name": ""},
        {"name": None},
        {"name": "x" * 201},
        {"price": None},
        {"price": {"amount": 1, "currency": "EUR"}},
        {"price": {"amount": "", "currency": ""}},
        {"price": {"amount": "0", "currency": "GBP"}},
        {"stock": -1},
        {"stock": "3"},
        {"stock": 1.0},
        {"category": "no-such"},
        {"category": ""},
        {"description": ["x"]},
        {"sku": sku(1)},
    ):
        yield Request("POST", "/products", "staff", {**good, **change})
    yield Request("POST", "/products", "staff", {})
    yield Request("POST", "/products", "staff", [])
    yield Request("POST", "/products", "ada", good)
    yield Request("POST", "/products", "", good)


def _changes() -> Iterator[Request]:
    yield Request("PATCH", f"/products/{sku(2)}", "staff", {"name": f"Changed {WORD}", "sku": "OTHER"})
    yield Request("PATCH", f"/products/{sku(2)}", "staff", {"price": {"amount": "4", "currency": "GBP"}})
    yield Request("PATCH", f"/products/{sku(2)}", "staff", {})
    yield Request("PATCH", f"/products/{sku(2)}", "staff", {"stock": None})
    yield Request("PATCH", "/products/NO-SUCH", "staff", {"stock": 1})
    yield Request("GET", f"/products/{sku(2)}")
    yield Request("DELETE", f"/products/{sku(23)}", "staff")
    yield Request("DELETE", f"/products/{sku(23)}", "staff")
    yield Request("GET", f"/products/{sku(23)}")
    taken = {"sku": sku(23), "name": "N", "price": {"amount": "1", "currency": "GBP"}}
    yield Request("POST", "/products", "staff", taken)
    for n in range(4, 8):
        yield Request("PATCH", f"/products/{sku(n)}", "staff", {"stock": 10})


def _reservations() -> Iterator[Request]:
    path = "/products/reservations"
    one, two = f"{WORD.upper()}-R1", f"{WORD.upper()}-R2"
    lines = [{"sku": sku(5), "quantity": 2}, {"sku": sku(4), "quantity": 1}]
    body = {"order": one, "customer": "c-1", "lines": lines}
    yield Request("POST", path, "orders", body)
    yield Request("POST", path, "orders", {**body, "lines": lines[::-1]})
    yield Request("POST", path, "orders", {**body, "lines": lines[:1]})
    yield Request("GET", f"{path}/{one}", "orders")
    yield Request("POST", f"{path}/{one}/confirm", "orders")
    yield Request("POST", f"{path}/{one}/confirm", "orders")
    yield Request("POST", f"{path}/{one}/release", "orders")
    yield Request("POST", f"{path}/{one}/release", "orders")
    yield Request("POST", f"{path}/{one}/confirm", "orders")
    yield Request("POST", path, "orders", body)
    yield Request("POST", path, "orders", {**body, "order": two, "lines": [{"sku": sku(5), "quantity": 9999}]})
    yield Request("POST", path, "orders", {**body, "order": two, "lines": [{"sku": "NONE", "quantity": 1}]})
    yield Request("POST", path, "orders", {**body, "order": two, "lines": []})
    yield Request("POST", path, "orders", {**body, "order": "x", "customer": "", "lines": "x"})
    yield Request("GET", f"{path}/{two}", "orders")
    yield Request("GET", f"{path}/{one}", "ada")
    yield Request("GET", f"{path}/{one}")
    yield Request("GET", f"/products?sku={sku(4)},{sku(5)}")


def _orders() -> Iterator[Request]:
    def placing(quantity: Any, *more: Any, by: str = "ada", key: str, remember: str = "", **ship_to: Any) -> Request:
        lines = [{"sku": sku(6), "quantity": quantity}, *more]
        body = {"lines": lines, "ship_to": {**SHIP_TO, **ship_to}}
        return Request("POST", "/orders", by, body, key=key, remember=remember)

    yield placing(1, {"sku": sku(4), "quantity": 2}, key="k1", remember="first")
    yield placing(1, {"sku": sku(4), "quantity": 2}, key="k1")
    yield placing(2, key="k1")
    yield placing(1, key="k2", remember="second", name="  Ada  ")
    yield placing(1, by="bob", key="k1", remember="bobs")
    yield placing(9999, key="k3")
    yield placing(1, {"sku": "NONE", "quantity": 1}, key="k3")
    yield placing(0, key="k3")
    yield placing(True, key="k3")
    yield placing(1, {"sku": sku(6), "quantity": 1}, key="k3")
    yield placing(1, key="k3", city="", postcode=None)
    yield placing(1, key="k3", remember="third")
    yield Request("POST", "/orders", "ada", {"lines": []}, key="k4")
    yield Request("POST", "/orders", "ada", {}, key="k4")
    yield Request("POST", "/orders", "ada", {})
    yield Request("POST", "/orders", "ada", {}, key="a b")
    yield Request("POST", "/orders", "ada", [], key="k4")
    yield Request("POST", "/orders", "", {}, key="k4")
    yield Request("GET", "/orders", "ada")
    yield Request("GET", "/orders?page_size=2", "ada")
    yield Request("GET", "/orders?page_size=2&page=2", "ada")
    yield Request("GET", "/orders?page=9", "ada")
    yield Request("GET", "/orders?status=lost", "ada")
    yield Request("GET", "/orders?status=placed&page_size=1", "bob")
    yield Request("GET", "/orders?customer={bob}", "staff")
    yield Request("GET", "/orders")
    yield Request("GET", "/orders/{first}", "ada")
    yield Request("GET", "/orders/{first}", "bob")
    yield Request("GET", "/orders/{first}", "staff")
    yield Request("POST", "/orders/{first}/cancel", "bob")
    yield Request("POST", "/orders/{first}/cancel", "ada")
    yield Request("POST", "/orders/{first}/cancel", "ada")
    for status in ("shipped", "paid", "paid", "shipped", "cancelled", "delivered", "refunded", "placed", "gone"):
        yield Request("POST", "/orders/{second}/status", "staff", {"status": status})
    yield Request("POST", "/orders/{second}/cancel", "ada")
    yield Request("POST", "/orders/{third}/status", "ada", {"status": "paid"})
    yield Request("GET", "/orders/{second}", "ada")
    yield Request("POST", "/orders/{first}/settle", "products", {"customer": "{ada}"})
    yield Request("POST", "/orders/{third}/settle", "products", {"customer": "{ada}"})
    yield Request("POST", f"/orders/{WORD.upper()}-NONE/settle", "products", {"customer": "{ada}"})
    yield Request("POST", "/orders/{third}/settle", "ada", {"customer": "{ada}"})
    yield Request("GET", "/products/reservations/{first}", "orders")
    yield Request("GET", "/products/reservations/{third}", "orders")
    yield Request("GET", "/orders?status=refunded", "ada")
    yield Request("GET", f"/products/{sku(6)}")


def _wrong_ways() -> Iterator[Request]:
    for method, path in (
        ("PUT", "/products"),
        ("DELETE", "/orders"),
        ("POST", "/products/categories"),
        ("GET", "/products/lower"),
        ("GET", "/products/"),
        ("GET", "/orders/lower"),
        ("GET", "/orders/NONE/cancel"),
        ("PATCH", "/orders/NONE"),
        ("GET", "/orders/NONE/settle"),
        ("HEAD", "/products"),
        ("HEAD", "/orders"),
    ):
        yield Request(method, path)
    yield Request("POST", "/products", "staff", {}, headers={"Content-Type": "text/plain"})
    yield Request("GET", f"/products?search={WORD}", headers={"Authorization": "Basic eDp5"})
    yield Request("GET", "/orders/NONE", "ada")


class Replay:
    """One run of the recorded requests."""

    def __init__(self, shop: Shop, word: str) -> None:
        assert len(word) == len(WORD), "as long as what it stands for, so that limits are met alike"
        self._shop = shop
        self._word = word
        self._names: dict[str, str] = {"ada": f"{word}-ada", "bob": f"{word}-bob"}
        self._orders: dict[str, str] = {}

    def answers(self) -> Iterator[tuple[Request, Any]]:
        """Iterate over the requests and what each was answered, in terms that runs share."""
        for request in requests():
            yield request, self._seen(request, self._send(request))

    def _send(self, request: Request) -> httpx.Response:
        headers = {**request.headers}
        if request.key:
            headers["Idempotency-Key"] = request.key
        arguments: dict[str, Any] = {} if request.body is None else {"json": self._filled(request.body)}
        path: str = self._filled(request.path)
        response = self._shop.send(request.method, path, by=self._caller(request.by), headers=headers, **arguments)
        if request.remember:
            self._names[request.remember] = response.json().get("number", "NOT-PLACED")
        return response

    def _caller(self, name: str) -> Caller | None:
        named = {"staff": STAFF, "orders": ORDERS, "products": PRODUCTS}
        if not name or name in named:
            return named.get(name)
        return customer(self._names[name])

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner) for inner in value]
        if not isinstance(value, str):
            return value
        for name, known in self._names.items():
            value = value.replace(f"{{{name}}}", known)
        return value.replace(WORD, self._word).replace(WORD.upper(), self._word.upper())

    def _seen(self, request: Request, response: httpx.Response) -> Any:
        body = response.json() if response.content else None
        headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
        if "Allow" in headers:
            headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
        if body is None:
            headers.pop("Content-Type", None)
        return self._shared({"status": response.status_code, "headers": headers, "body": body})

    def _shared(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._shared(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._shared(inner) for inner in value]
        if not isinstance(value, str):
            return value
        value = _TIME.sub("TIME", value.replace(self._word, WORD).replace(self._word.upper(), WORD.upper()))
        return _ORDER.sub(lambda match: self._orders.setdefault(match[0], f"ORDER-{len(self._orders)}"), value)
