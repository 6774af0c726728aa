"""Who calls the Order API, and the keeper of stock that it calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from services.chassis.client import GatewayClient
from services.orders import placement, stock
from services.orders.placement import Intention, Placed
from tests.support.rest import Api, gateway

SHIP_TO = {"name": "Ada Byron", "street": "12 Square", "city": "London", "postcode": "SW1", "country": "UK"}
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests write here: what they write has been moved to this side."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("UPDATE ownership_bucket SET owner = 'self'")


@dataclass
class Keeper:
    """Products as the Order API sees them: what is in stock, and what is held for whom."""

    stock: dict[str, int] = field(default_factory=lambda: {"A": 10, "B": 10})
    reservations: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda act: None
    """Called with `reserve`, `confirm` or `release` before it happens."""
    after: Callable[[str], None] = lambda act: None
    """The same, once it has happened and before it is answered."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        number, _, act = request.url.path.removeprefix("/products/reservations").strip("/").partition("/")
        act = act or "reserve"
        self.calls.append(act)
        self.before(act)
        with self._lock:
            answer = self._reserve(json.loads(request.content)) if act == "reserve" else self._settle(number, act)
        self.after(act)
        return answer

    def _reserve(self, members: dict[str, Any]) -> httpx.Response:
        wanted = {line["sku"]: line["quantity"] for line in members["lines"]}
        held = self.reservations.get(members["order"])
        if held is not None:
            if held["wanted"] != wanted:
                return self._problem(422, "reservation-mismatch")
            if held["state"] == "released":
                return self._problem(409, "reservation-settled", state="released")
            return httpx.Response(200, json=held)
        unknown = [n for n, line in enumerate(members["lines"]) if line["sku"] not in self.stock]
        if unknown:
            errors = [{"pointer": f"/lines/{n}/sku", "code": "unknown_product", "detail": "x"} for n in unknown]
            return self._problem(422, "validation", errors=errors)
        short = [
            {"sku": sku, "requested": quantity, "available": self.stock[sku]}
            for sku, quantity in sorted(wanted.items())
            if self.stock[sku] < quantity
        ]
        if short:
            return self._problem(409, "insufficient-stock", shortfalls=short)
        for sku, quantity in wanted.items():
            self.stock[sku] -= quantity
        lines = [
            {
                "sku": sku,
                "name": f"Thing {sku}",
                "quantity": quantity,
                "unit_price": {"amount": "2.50", "currency": "GBP"},
            }
            for sku, quantity in sorted(wanted.items())
        ]
        held = {"order": members["order"], "state": "held", "lines": lines, "wanted": wanted}
        self.reservations[members["order"]] = held
        return httpx.Response(201, json=held)

    def _settle(self, number: str, act: str) -> httpx.Response:
        held = self.reservations.get(number)
        if held is None:
            return self._problem(404, "not-found")
        if act == "confirm":
            if held["state"] == "released":
                return self._problem(409, "reservation-settled", state="released")
            held["state"] = "confirmed"
        elif held["state"] != "released":
            held["state"] = "released"
            for sku, quantity in held["wanted"].items():
                self.stock[sku] += quantity
        return httpx.Response(200, json=held)

    @staticmethod
    def _problem(status: int, slug: str, **members: Any) -> httpx.Response:
        return httpx.Response(status, json={"type": f"/problems/{slug}", "status": status, **members})


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def client_of_keeper(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> GatewayClient:
    client = gateway(keeper)
    monkeypatch.setattr(stock, "gateway", lambda: client)
    return client


@pytest.fixture
def clock() -> Clock:
    return Clock()


Place = Callable[..., Placed]


@pytest.fixture
def place(client_of_keeper: GatewayClient, clock: Clock) -> Place:
    def act(
        *, customer: str = "c-1", key: str = "k", lines: list[tuple[str, int]] | None = None, city: str = "London"
    ) -> Placed:
        intention = Intention(customer=customer, key=key, lines=lines or [("A", 2)], ship_to={**SHIP_TO, "city": city})
        return placement.place(intention, gateway=client_of_keeper, clock=clock)

    return act


@pytest.fixture
def buyer(client_of_keeper: GatewayClient) -> Api:
    return Api("c-1", "orders")


@pytest.fixture
def operator(client_of_keeper: GatewayClient) -> Api:
    return Api("staff-1", "orders", "orders:operate", kind="staff")


@pytest.fixture
def service(client_of_keeper: GatewayClient) -> Api:
    return Api("service:products", "orders:settle", kind="service")
