"""One database server for all of it; every test starts gateways of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from services.local import postgres
from tests.benchmarks.front import Front, all_to, gateway

Started = Callable[..., contextlib.AbstractAsyncContextManager[Front]]


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("load")
    postgres.ensure(home)
    yield home
    postgres.release(home)


@pytest.fixture
def started(home: Path) -> Started:
    """Return what starts a gateway without holding up the test's event loop, in which its upstreams live."""

    @contextlib.asynccontextmanager
    async def start(upstreams: Mapping[str, str], *, workers: int = 1, **extra: str) -> AsyncIterator[Front]:
        running = gateway(home, upstreams=upstreams, workers=workers, extra=extra)
        front = await asyncio.to_thread(running.__enter__)
        try:
            # A fresh beginning: the database outlives the gateways.
            with front.database() as database:
                all_to(database, "monolith")
            yield front
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)

    return start
