"""The monolith stands for every component: it has both capabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

SALT = "pepper"

Own = Callable[..., None]


@pytest.fixture
def own(db: None) -> Own:
    """Say who owns a capability, or one bucket of it."""

    def set_owner(capability: str, owner: str, *, epoch: int = 1, bucket: int | None = None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE ownership_bucket SET owner = %s, epoch = %s"
                " WHERE capability = %s AND bucket = coalesce(%s, bucket)",
                [owner, epoch, capability, bucket],
            )

    return set_owner


@pytest.fixture
def captured(db: None) -> Callable[[], list[dict[str, Any]]]:
    """Record changes, and return what has been recorded."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ownership_capability SET salt = %s, capturing = true", [SALT])

    def read() -> list[dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT capability, bucket, epoch, aggregate, root, key, op::text, payload FROM ownership_outbox"
                " ORDER BY id"
            )
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return read
