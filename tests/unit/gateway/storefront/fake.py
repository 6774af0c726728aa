"""A shop in memory that answers as the contract says, as far as the storefront asks; and misbehaves on request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis import contract
from services.chassis.identity import Minter, Principal, Verifier, bearer
from services.chassis.problems import FieldError, Problem, validation

EPOCH = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


@dataclass
class FakeProduct:
    sku: str
    name: str
    price: Decimal
    stock: int
    category: tuple[str, str] | None = None
    description: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "sku": self.sku,
            "name": self.name,
            "description": self.description,
            "category": self.category and {"slug": self.category[0], "name": self.category[1]},
            "price": contract.money(self.price),
            "stock": self.stock,
            "in_stock": self.stock > 0,
            "created_at": contract.timestamp(EPOCH),
            "updated_at": contract.timestamp(EPOCH),
        }


@dataclass
class FakeShop:
    products: dict[str, FakeProduct] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    placements: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of POST /orders, in the order in which they came."""
    down: set[str] = field(default_factory=set)
    """Beginnings of paths that nobody answers."""
    broken: set[str] = field(default_factory=set)
    """Beginnings of paths that are answered with something that is not the contract's."""
    in_flight: int = 0
    """So many placements are told that the first one is still running."""
    reached: list[str] = field(default_factory=list)
    """Values of the cookie that the next answers to writes of orders give."""
    before_placing: list[Any] = field(default_factory=list)
    """Called once each, just before an order is placed."""

    def __post_init__(self) -> None:
        key = Ed25519PrivateKey.generate()
        self.minter = Minter(issuer="gateway", key=key)
        self._verifier = Verifier(audience="gateway", keys={"gateway": key.public_key()})

    def add(
        self, sku: str, name: str, price: str, stock: int = 10, category: Any = None, description: str = ""
    ) -> None:
        self.products[sku] = FakeProduct(sku, name, Decimal(price), stock, category, description)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if any(path.startswith(prefix) for prefix in self.down):
            raise httpx.ConnectError("refused", request=request)
        if any(path.startswith(prefix) for prefix in self.broken):
            return httpx.Response(200, text="<p>not what you expected", headers={"Set-Cookie": "a=b"})
        try:
            response = self._answer(request, path)
            if request.method == "POST" and self.reached:
                cookie = f"tc_position={self.reached.pop(0)}; Path=/; Max-Age=300; HttpOnly; SameSite=Lax"
                response.headers = httpx.Headers([*response.headers.multi_items(), ("Set-Cookie", cookie)])
            return response
        except Problem as problem:
            return httpx.Response(problem.status, content=problem.body(), headers=dict(problem.headers))

    def _answer(self, request: httpx.Request, path: str) -> httpx.Response:
        token = bearer(request.headers.get("Authorization"))
        who = self._verifier.verify(token).principal if token else None
        headers = {"Set-Cookie": f"shopper={who.subject if who else 'nobody'}; Path=/"}
        parts = path.strip("/").split("/")
        match request.method, parts:
            case "GET", ["products"]:
                return httpx.Response(200, json=self._list(dict(request.url.params)), headers=headers)
            case "GET", ["products", "categories"]:
                return httpx.Response(200, json={"results": self._categories()}, headers=headers)
            case "GET", ["products", sku] if sku in self.products:
                return httpx.Response(200, json=self.products[sku].as_json(), headers=headers)
        if parts[0] != "orders":
            raise Problem("not-found")
        if who is None:
            raise Problem("unauthenticated")
        assert who.scopes == {"orders"}
        match request.method, parts:
            case "GET", ["orders"]:
                mine = [order for order in self.orders.values() if order["customer"] == who.subject]
                mine.sort(key=lambda order: (order["placed_at"], order["number"]), reverse=True)
                return httpx.Response(200, json=_page("/orders", mine, dict(request.url.params)))
            case "POST", ["orders"]:
                return self._place(request, who)
        order = self.orders.get(parts[1])
        if order is None or order["customer"] != who.subject:
            raise Problem("not-found")
        if request.method == "POST" and parts[2:] == ["cancel"]:
            self._cancel(order)
        return httpx.Response(200, json=order)

    def _list(self, parameters: dict[str, str]) -> dict[str, Any]:
        found = list(self.products.values())
        for term in parameters.get("search", "").lower().split():
            found = [p for p in found if term in f"{p.name}\n{p.sku}\n{p.description}".lower()]
        if "category" in parameters:
            found = [p for p in found if p.category and p.category[0] == parameters["category"]]
        if "price_min" in parameters:
            found = [p for p in found if p.price >= Decimal(parameters["price_min"])]
        if "price_max" in parameters:
            found = [p for p in found if p.price <= Decimal(parameters["price_max"])]
        if parameters.get("in_stock") == "true":
            found = [p for p in found if p.stock]
        if "sku" in parameters:
            found = [p for p in found if p.sku in parameters["sku"].split(",")]
        ordering = parameters.get("ordering", "name")
        found.sort(key=lambda p: p.sku)
        by_price = ordering.endswith("price")
        found.sort(key=lambda p: p.price if by_price else p.name.lower(), reverse=ordering.startswith("-"))
        return _page("/products", [p.as_json() for p in found], parameters)

    def _categories(self) -> list[dict[str, Any]]:
        found = {p.category for p in self.products.values() if p.category}
        return [
            {"slug": slug, "name": name, "products": sum(p.category == (slug, name) for p in self.products.values())}
            for slug, name in sorted(found, key=lambda category: category[1])
        ]

    def _place(self, request: httpx.Request, who: Principal) -> httpx.Response:
        body = json.loads(request.content)
        self.placements.append(body)
        while self.before_placing:
            self.before_placing.pop()()
        if self.in_flight:
            self.in_flight -= 1
            raise Problem("idempotency-key-in-flight")
        key = (who.subject, request.headers["Idempotency-Key"])
        if key in self.keys:
            payload, number = self.keys[key]
            if payload != request.content:
                raise Problem("idempotency-key-reused")
            return httpx.Response(201, json=self.orders[number], headers={"Idempotency-Replayed": "true"})
        lines = sorted(body["lines"], key=lambda line: line["sku"])
        errors = [
            FieldError(f"/lines/{index}/sku", "unknown_product")
            for index, line in enumerate(body["lines"])
            if line["sku"] not in self.products
        ]
        errors += [
            FieldError(f"/ship_to/{name}", "invalid") for name, text in body["ship_to"].items() if text == "nowhere"
        ]
        if errors:
            raise validation(errors)
        short = [
            {"sku": line["sku"], "requested": line["quantity"], "available": self.products[line["sku"]].stock}
            for line in lines
            if line["quantity"] > self.products[line["sku"]].stock
        ]
        if short:
            raise Problem("insufficient-stock", shortfalls=short)
        for line in lines:
            self.products[line["sku"]].stock -= line["quantity"]
        order = self.order(who.subject, [(line["sku"], line["quantity"]) for line in lines], ship_to=body["ship_to"])
        self.keys[key] = (request.content, order["number"])
        return httpx.Response(201, json=order, headers={"Location": f"/orders/{order['number']}"})

    def _cancel(self, order: dict[str, Any]) -> None:
        if order["status"] == "cancelled":
            return
        if (order["status"], "cancelled") not in contract.TRANSITIONS:
            raise Problem("illegal-transition", **{"from": order["status"], "to": "cancelled"})
        order["status"] = "cancelled"
        order["history"].append({"status": "cancelled", "at": contract.timestamp(EPOCH + timedelta(days=3))})

    def order(
        self,
        customer: str,
        lines: list[tuple[str, int]],
        *,
        statuses: tuple[str, ...] = ("placed",),
        ship_to: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return a new order that has gone through these statuses."""
        at = EPOCH + timedelta(hours=len(self.orders))
        number = f"TC-{len(self.orders):012d}"
        order = {
            "number": number,
            "status": statuses[-1],
            "placed_at": contract.timestamp(at),
            "customer": customer,
            "ship_to": ship_to or ADDRESS,
            "lines": [
                {
                    "sku": sku,
                    "name": self.products[sku].name,
                    "quantity": quantity,
                    "unit_price": contract.money(self.products[sku].price),
                    "total": contract.money(self.products[sku].price * quantity),
                }
                for sku, quantity in lines
            ],
            "total": contract.money(sum((self.products[sku].price * q for sku, q in lines), Decimal(0))),
            "history": [
                {"status": status, "at": contract.timestamp(at + timedelta(days=index))}
                for index, status in enumerate(statuses)
            ],
        }
        self.orders[number] = order
        return order


ADDRESS = {
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "city": "London",
    "postcode": "SW1Y 4JH",
    "country": "United Kingdom",
}


def _page(path: str, results: list[Any], parameters: dict[str, str]) -> dict[str, Any]:
    number, size = int(parameters.get("page", 1)), int(parameters.get("page_size", 20))
    pages = max(1, -(-len(results) // size))
    if number > pages:
        raise Problem("no-such-page")
    return {
        "count": len(results),
        "page": number,
        "page_size": size,
        "pages": pages,
        "next": None,
        "previous": None,
        "results": results[(number - 1) * size : number * size],
    }


AUDIO = ("audio", "Audio")
DESK = ("desk-stands", "Desk & stands")
KEYS = ("keyboards-mice", "Keyboards & mice")
LIGHT = ("lighting", "Lighting")
POWER = ("power-cables", "Power & cables")
BAGS = ("bags-cases", "Bags & cases")
HOME = ("smart-home", "Smart home")
WEAR = ("wearables", "Wearables")


def furnished() -> FakeShop:
    """Return a shop with a few things of every kind."""
    shop = FakeShop()
    shop.add("AUD-100", "Harbour over-ear headphones", "129.00", 14, AUDIO, "Forty hours on one charge. Folds flat.")
    shop.add("AUD-110", "Pebble speaker", "39.50", 3, AUDIO, "Small enough for a bag, loud enough for a kitchen.")
    shop.add("AUD-120", "Studio earbuds", "74.95", 0, AUDIO, "Sold out for a reason.")
    shop.add(
        "KEY-200", "Sixty-five mechanical keyboard", "89.00", 22, KEYS, "Hot-swappable switches.\n\nBritish layout."
    )
    shop.add("KEY-210", "Quiet mouse", "24.90", 120, KEYS)
    shop.add("LGT-300", "Arc desk lamp", "59.00", 1, LIGHT, "Warm to cool at a turn.")
    shop.add("LGT-310", "Clip reading light", "14.00", 60, LIGHT)
    shop.add("PWR-400", "65 W charger with two ports", "34.00", 41, POWER)
    shop.add("PWR-410", "Braided USB-C cable, 2 m", "9.50", 5, POWER)
    shop.add("DSK-500", "Walnut monitor stand with a drawer for everything that gathers", "119.00", 7, DESK)
    shop.add("DSK-510", "Felt desk mat", "29.00", 18, DESK)
    shop.add("BAG-600", "Weekday backpack", "1099.00", 9, BAGS)
    shop.add("HOM-700", "Room thermostat", "149.00", 12, HOME)
    shop.add("WEA-800", "Pace watch", "199.00", 8, WEAR)
    shop.add("MISC.1", "Mystery parcel", "5.00", 2)
    return shop
