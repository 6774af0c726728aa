"""The databases that the mover works between, in a home of their own; and the way back to how they began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from services.local import postgres
from services.local.components import COMPONENTS
from services.sync.mapping.capabilities import CAPABILITIES
from tests.support.databases import migrated

Databases = Mapping[str, str]
"""The URL of each component's database, by the component's name."""

TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    component: tuple(
        pair.end(side).table.name
        for capability in CAPABILITIES.values()
        for side in ("monolith", "service")
        if capability.component(side) == component
        for pair in capability.pairs
    )
    for component in ("legacy", "products", "orders")
}
"""The tables of its capabilities, by component."""

_BEGUN: Final = """
    UPDATE ownership_capability SET salt = NULL, capturing = false;
    UPDATE ownership_bucket b SET epoch = 1, owner = w.owner
    FROM (SELECT name, CASE side WHEN 'monolith' THEN 'self' ELSE 'peer' END AS owner FROM ownership_capability) AS w
    WHERE w.name = b.capability AND (b.epoch, b.owner) <> (1, w.owner);
"""


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Every component's migrated database, by URL; the environment names them as the mover expects."""
    home = tmp_path_factory.mktemp("sync")
    try:
        urls = migrated(home, [component.name for component in COMPONENTS])
        with pytest.MonkeyPatch.context() as patch:
            for name, url in urls.items():
                patch.setenv(f"{name.upper()}_DATABASE_URL", url)
            yield urls
    finally:
        postgres.release(home)


@pytest.fixture
def clean(databases: Databases) -> Databases:
    """The databases as they were after migrating: empty, the monolith owns everything, nothing is recorded."""
    for component, tables in TABLES.items():
        with psycopg.connect(databases[component]) as connection:
            # Rather than for ever for what a test has left open.
            connection.execute("SET LOCAL lock_timeout = '10s'")
            connection.execute("SET LOCAL techcommerce.applying = 'on'")
            emptied = [Identifier(name) for name in (*tables, "ownership_outbox", "ownership_applied")]
            connection.execute(SQL("TRUNCATE {} CASCADE").format(SQL(", ").join(emptied)))
            connection.execute(_BEGUN)
    with psycopg.connect(databases["gateway"]) as connection:
        if connection.execute("SELECT to_regclass('migration_cutover')").fetchone() != (None,):
            connection.execute("TRUNCATE migration_cutover CASCADE")
    return databases
