"""A PostgreSQL for these tests alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.local import postgres


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(server_home: Path) -> Iterator[postgres.ServerInfo]:
    yield postgres.ensure(server_home)
    postgres.release(server_home)
