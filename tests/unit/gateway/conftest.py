"""What holds for all tests of the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pytest_django import Settings

from gateway.routing import live

Sql = Callable[[str], None]

_AS_MIGRATED = """
INSERT INTO routing_toggle (capability, salt, shadow_salt, updated_at, updated_by, reason)
VALUES ('products', 'ps', 'pss', now(), '', ''), ('orders', 'os', 'oss', now(), '', '')
ON CONFLICT (capability) DO UPDATE SET reads = 0, writes = 0, shadow = 0, fallback = true
WHERE (routing_toggle.reads, routing_toggle.writes, routing_toggle.shadow) <> (0, 0, 0) OR NOT routing_toggle.fallback
"""


@pytest.fixture(autouse=True)
def quick_hashes(settings: Settings) -> None:
    """Hash passwords at once: how long it takes is not what is tested."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def committed(transactional_db: None) -> Iterator[Sql]:
    """Run SQL from a connection of its own, as psql would. Toggles are as they begin."""
    parameters = {**live._parameters(), "application_name": "psql"}
    with psycopg.connect(make_conninfo(**parameters), autocommit=True) as other:

        def run(statement: str) -> None:
            other.execute(statement)

        # Tests that commit leave every table empty.
        run(_AS_MIGRATED)
        yield run
