"""Whether a component's database has every migration, known without starting Django.

After a successful `migrate` the `django_migrations` table is given a comment: a digest of everything from which
migrations come, and of the table's own rows. The record lives and dies with the tables it speaks of, and migrating
backwards by hand makes it untrue in a way that is seen.
"""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

from services.local.components import REPOSITORY, Component

if TYPE_CHECKING:
    import psycopg

_APPLIED = "SELECT md5(string_agg(app || '.' || name, ',' ORDER BY id)) FROM django_migrations"
_RECORD = "SELECT obj_description(to_regclass('django_migrations'), 'pg_class')"


def is_current(component: Component, url: str) -> bool:
    """Return whether the last successful `migrate` was of exactly these migrations, and nothing was undone since."""
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            row = connection.execute(_RECORD).fetchone()
            noted = row[0] if row else None
            return noted is not None and noted == _digest(component, connection)
    except psycopg.Error:
        # Whatever it is, `migrate` will meet it too and say it better.
        return False


def record(component: Component, url: str) -> None:
    """Note that the database has every migration."""
    import psycopg
    from psycopg.sql import SQL, Literal

    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            digest = Literal(_digest(component, connection))
            connection.execute(SQL("COMMENT ON TABLE django_migrations IS {}").format(digest))
    except psycopg.Error:
        # Only the table's owner may comment on it. Without the record the next run migrates again, to no effect.
        return


def _digest(component: Component, connection: psycopg.Connection) -> str:
    row = connection.execute(_APPLIED).fetchone()
    applied = row[0] if row else None
    return f"migrations {_sources(component)} {applied}"


def _sources(component: Component) -> str:
    """Return a digest of all from which the component's migrations come: its own, the shared apps', its settings
    (they list the apps), and the lock file (it fixes the apps of others).
    """
    digest = hashlib.sha256(sys.version.encode())
    paths = [REPOSITORY / "uv.lock", REPOSITORY / "services/chassis/settings.py"]
    for room in (*component.rooms, "services/chassis", "services/ownership"):
        paths += [REPOSITORY / room / "settings.py", *(REPOSITORY / room).rglob("migrations/*")]
    for path in sorted({path for path in paths if path.is_file() and path.suffix != ".pyc"}):
        digest.update(str(path.relative_to(REPOSITORY)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()
