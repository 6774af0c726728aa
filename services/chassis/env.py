"""Settings from the environment, with errors that name the variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dj_database_url


class MisconfiguredError(SystemExit):
    """A variable is missing or has a value that cannot be used. Ends the process with one line."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")


def text(name: str, default: str | None = None) -> str:
    """Return the variable's value, or the default when it is unset or empty."""
    value = os.environ.get(name) or default
    if value is None:
        raise MisconfiguredError(name, "must be set")
    return value


def integer(name: str, default: int) -> int:
    """Return the variable as an integer."""
    raw = os.environ.get(name) or str(default)
    try:
        return int(raw)
    except ValueError:
        raise MisconfiguredError(name, f"{raw!r} is not an integer") from None


def seconds(name: str, default: float, *, or_none: bool = False) -> float:
    """Return the variable as a duration in seconds, above zero; or zero, with `or_none`."""
    raw = os.environ.get(name) or str(default)
    try:
        value = float(raw)
    except ValueError:
        raise MisconfiguredError(name, f"{raw!r} is not a number of seconds") from None
    if or_none and value == 0:
        return value
    if not 0 < value < float("inf"):
        raise MisconfiguredError(name, f"{raw!r} is not above zero")
    return value


def flag(name: str, default: bool = False) -> bool:
    """Return the variable as a boolean: 1, true, yes, on or 0, false, no, off."""
    raw = (os.environ.get(name) or str(default)).lower()
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise MisconfiguredError(name, f"{raw!r} is neither true nor false")


def words(name: str, default: str = "") -> list[str]:
    """Return the variable's comma separated parts, without white space and empty parts."""
    return [part for part in (piece.strip() for piece in text(name, default or " ").split(",")) if part]


def path(name: str) -> Path:
    """Return the variable as the path of a file that exists."""
    value = Path(text(name))
    if not value.is_file():
        raise MisconfiguredError(name, f"no file at {value}")
    return value


def database(name: str, *, pool_size: int = 8) -> dict[str, Any]:
    """Return Django's DATABASES entry for a `postgres://` URL, with psycopg's own pool.

    A connection goes back to the pool at the end of each request; the pool opens lazily, so that a process which
    forks after loading the application shares none.
    """
    url = text(name)
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(url))
    except (ValueError, dj_database_url.ParseError, dj_database_url.UnknownSchemeError):
        raise MisconfiguredError(name, "is not a postgres:// URL") from None
    config["ENGINE"] = "django_prometheus.db.backends.postgresql"
    config["CONN_MAX_AGE"] = 0
    options = config.setdefault("OPTIONS", {})
    options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5, "max_idle": 60}
    options.setdefault("application_name", os.environ.get("TECHCOMMERCE_COMPONENT", "techcommerce"))
    return config
