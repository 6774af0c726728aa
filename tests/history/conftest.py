"""One shop for all histories."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.system import System, running


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("history")) as system:
        yield system
