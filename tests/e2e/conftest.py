"""One running shop for all journeys; each combination of toggles is visited once per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.chassis.identity import Owner
from tests.support.shop import Shop
from tests.support.system import COMBINATIONS, System, running


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("e2e")) as system:
        yield system


@pytest.fixture(
    scope="package", params=COMBINATIONS, ids=[f"products {one}, orders {two}" for one, two in COMBINATIONS]
)
def combination(request: pytest.FixtureRequest) -> tuple[Owner, Owner]:
    found: tuple[Owner, Owner] = request.param
    return found


@pytest.fixture
def front(system: System, combination: tuple[Owner, Owner]) -> Shop:
    """The shop through the gateway, with the toggles as the combination says."""
    products, orders = combination
    system.route(products=products, orders=orders)
    return system.front()
