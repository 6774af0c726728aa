"""Generated requests against both implementations: each keeps what the services' OpenAPI files say."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.chassis.identity import Owner
from services.local.components import REPOSITORY
from tests.support.shop import LEGACY, STAFF, Caller, new_key
from tests.support.system import System

EXAMPLES = 20
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=False,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SIDES: list[Owner] = ["monolith", "service"]


def _schema(name: str) -> Any:
    path = REPOSITORY / "services" / name / "openapi.yaml"
    return schemathesis.openapi.from_path(path, config=SchemathesisConfig.discover())


PRODUCTS = _schema("products")
ORDERS = _schema("orders")


def _caller(path: str) -> Caller:
    """Return somebody who may do it, so that generated requests get past the door."""
    return LEGACY if "reservations" in path or path.endswith("/settle") else STAFF


def _hold(case: Case[Any], system: System, owner: Owner) -> None:
    system.route(products=owner, orders=owner)
    shop = system.upstreams(owner, owner)
    door = shop.door(case.operation.path)
    headers = {"Authorization": f"Bearer {shop.token(_caller(case.operation.path), audience=door.audience)}"}
    if case.operation.label == "POST /orders" and "Idempotency-Key" not in (case.headers or {}):
        headers["Idempotency-Key"] = new_key()
    case.call_and_validate(base_url=door.url, headers=headers, checks=CHECKED)


@pytest.mark.parametrize("owner", SIDES)
@PRODUCTS.parametrize()
@seed(20261123)
@BOUNDED
def test_products_keep_their_schema(case: Case[Any], system: System, owner: Owner) -> None:
    _hold(case, system, owner)


@pytest.mark.parametrize("owner", SIDES)
@ORDERS.parametrize()
@seed(20261123)
@BOUNDED
def test_orders_keep_their_schema(case: Case[Any], system: System, owner: Owner) -> None:
    _hold(case, system, owner)
