"""Each test runs against both implementations, directly and through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from services.chassis.identity import Owner
from tests.support.shop import Shop
from tests.support.system import System, running

IMPLEMENTATIONS: Final[dict[str, tuple[Owner, bool]]] = {
    "monolith": ("monolith", True),
    "gateway to monolith": ("monolith", False),
    "services": ("service", True),
    "gateway to services": ("service", False),
}
"""Who answers, and whether it is spoken to directly."""


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("contract")) as system:
        yield system


@pytest.fixture(scope="package", params=IMPLEMENTATIONS)
def shop(request: pytest.FixtureRequest, system: System) -> Shop:
    """The implementation under test. The toggles agree with it: placing an order goes through the gateway too."""
    owner, direct = IMPLEMENTATIONS[request.param]
    system.route(products=owner, orders=owner)
    return system.upstreams(request.param, owner) if direct else system.front(request.param)


@pytest.fixture(scope="package")
def category(system: System) -> dict[str, str]:
    return system.ensure_category()
