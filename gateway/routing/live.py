"""This process's watcher: the one place that the data plane, health and the admin ask."""

from __future__ import annotations

from typing import Any, Final

from django.db import connections

from gateway.routing.models import CHANNEL
from gateway.routing.watch import Watcher

_PASSED_ON: Final = frozenset(
    {"dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey"}
)


def _parameters() -> dict[str, Any]:
    """Return what psycopg needs to reach the gateway's database."""
    known = connections["default"].get_connection_params()
    chosen = {name: value for name, value in known.items() if name in _PASSED_ON}
    return {**chosen, "application_name": "gateway-routing", "keepalives_idle": 10, "keepalives_interval": 5}


WATCHER: Final = Watcher(parameters=_parameters, channel=CHANNEL)
