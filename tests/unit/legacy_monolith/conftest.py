"""A shop with a few products, clients with identities, and a gateway that answers what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.test import Client

from legacy_monolith.catalogue.models import Category, Product
from legacy_monolith.sales.peers import Peers
from services.chassis.client import GatewayClient
from services.chassis.identity import Minter, Owner, Principal

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SHIP_TO = {"name": "Ada", "street": "1 Mill Lane", "city": "York", "postcode": "YO1 7HH", "country": "United Kingdom"}
SCOPES = {
    "customer": "orders",
    "operator": "orders orders:operate products:write",
    "service": "orders:settle products:reserve",
}


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Api:
    """Sends requests to the monolith as the gateway would."""

    def __init__(self) -> None:
        # The gateway's key lies beside ours.
        keys = settings.IDENTITY_KEY_FILE.parent
        self._minter = Minter.from_file(issuer="gateway", path=keys / "gateway.pem")
        self._client = Client(raise_request_exception=False)

    def token(self, who: str, *, scopes: str | None = None, owners: dict[str, Owner] | None = None) -> str:
        scope = SCOPES.get(who, SCOPES["customer"]) if scopes is None else scopes
        principal = Principal(subject=who, kind="customer", scopes=frozenset(scope.split()), owners=owners or {})
        return self._minter.mint(principal, audience="legacy")

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: str | None = None,
        scopes: str | None = None,
        owners: dict[str, Owner] | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """Send a request. A body that is not text or bytes is sent as JSON; `Idempotency_Key=…` becomes a header."""
        if who is not None:
            headers["Authorization"] = f"Bearer {self.token(who, scopes=scopes, owners=owners)}"
        data = body if isinstance(body, (str, bytes)) else "" if body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.generic(method, path, data, content_type=content_type, headers=named)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(db: None) -> dict[str, Product]:
    """Three products: LAMP (10 at £20.00), DESK (3 at £150.50), MUG (sold out, £7.25)."""
    return stock_the_shop()


def stock_the_shop() -> dict[str, Product]:
    office = Category.objects.create(slug="office", name="Office")
    rows = (("LAMP", "Heron lamp", 2000, 10), ("DESK", "Oak desk", 15050, 3), ("MUG", "Large mug", 725, 0))
    return {
        code: Product.objects.create(
            code=code, title=title, descr=f"A {title.lower()}.", price_cents=cents, qty=qty, category=office
        )
        for code, title, cents, qty in rows
    }


def gateway(handler: Callable[[httpx.Request], httpx.Response]) -> Peers:
    """Return peers whose gateway is a function."""
    minter = Minter(issuer="legacy", key=Ed25519PrivateKey.generate())
    transport = httpx.MockTransport(handler)
    return Peers(GatewayClient(component="legacy", url="http://gateway.test", minter=minter, transport=transport))


def nobody(request: httpx.Request) -> httpx.Response:
    """Answer nothing, like a gateway that is not there."""
    raise httpx.ConnectError("refused")


def never(request: httpx.Request) -> httpx.Response:
    """Fail the test that calls."""
    raise AssertionError(f"{request.method} {request.url.path} was not expected")
