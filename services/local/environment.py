"""The environment in which a component runs on this machine: what people set, and for the rest what works.

Least privilege: a process is given its own database URL, secret key and private key, and nobody else's. The mover
alone opens several databases.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from services.local import keys, postgres
from services.local import ports as ports_module
from services.local.components import DEPLOYABLE_BY_NAME, DEPLOYABLES, REPOSITORY, Component, Deployable

# One Python process per component keeps a laptop's memory for other things; the gateway has two because that is
# where having several workers shows.
_WORKERS = {"gateway": "2", "legacy": "1", "products": "1", "orders": "1"}


def home_directory(variables: Mapping[str, str] = os.environ) -> Path:
    """Return where this machine's data lives: `TECHCOMMERCE_HOME`, else `.run` in the repository."""
    return Path(variables.get("TECHCOMMERCE_HOME") or REPOSITORY / ".run").expanduser().resolve()


def environment(
    name: str,
    home: Path,
    ports: Mapping[str, int] | None = None,
    *,
    base: Mapping[str, str] | None = None,
    server: Callable[[], postgres.ServerInfo] | None = None,
) -> dict[str, str]:
    """Return the whole environment for a deployable's process.

    If that needs the embedded PostgreSQL, `server` is called for it; unless given, this process holds it to its end.

    What the base (this process's environment unless given) sets stands. With a `TECHCOMMERCE_ENV` other than `local`
    nothing is filled in: there everything is said by whoever deploys.
    """
    base = os.environ if base is None else base
    deployable = DEPLOYABLE_BY_NAME[name]
    found = {key: value for key, value in base.items() if key not in _foreign(deployable)}
    found["TECHCOMMERCE_COMPONENT"] = name
    if isinstance(deployable, Component):
        found["DJANGO_SETTINGS_MODULE"] = deployable.settings
    else:
        found.pop("DJANGO_SETTINGS_MODULE", None)
    if found.get("TECHCOMMERCE_ENV", "local") != "local":
        return found

    def default(key: str, value: str) -> None:
        if not found.get(key):
            found[key] = value

    ports = ports_module.chosen(base) if ports is None else ports
    key_files = keys.ensure(home)
    default("TECHCOMMERCE_ENV", "local")
    default("TECHCOMMERCE_HOME", str(home))
    default("LOG_FORMAT", "console")
    default("IDENTITY_KEY_FILE", str(key_files.private(name)))
    default("IDENTITY_PUBLIC_KEYS_FILE", str(key_files.public))
    default(f"{deployable.prefix}_SECRET_KEY", key_files.secret(name).read_text())
    default(f"{deployable.prefix}_PORT", str(ports[name]))
    default(f"{deployable.prefix}_BIND", ports_module.HOST)
    # Below the supervisor's patience, so that a component is never killed while it still finishes its work.
    default(f"{deployable.prefix}_GRACEFUL_SECONDS", "8")
    if name in _WORKERS:
        default(f"{deployable.prefix}_WORKERS", _WORKERS[name])
    default("GATEWAY_URL", _url(ports["gateway"]))
    if name == "gateway":
        for upstream in ("legacy", "products", "orders"):
            default(f"{upstream.upper()}_URL", _url(ports[upstream]))
    wanted = [database for database in deployable.databases if not found.get(f"{database.upper()}_DATABASE_URL")]
    if wanted:
        info = server() if server else postgres.ensure(home)
        for database in wanted:
            found[f"{database.upper()}_DATABASE_URL"] = info.url(database)
    return found


def without_ours(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without any that steers a component: where a second shop beside the first begins."""
    prefixes = tuple(f"{deployable.prefix}_" for deployable in DEPLOYABLES)
    others = ("TECHCOMMERCE_HOME", "TECHCOMMERCE_ENV", "TECHCOMMERCE_COMPONENT", "DJANGO_SETTINGS_MODULE")
    return {
        key: value
        for key, value in variables.items()
        if not key.startswith((*prefixes, "IDENTITY_", "PROMETHEUS_MULTIPROC_")) and key not in others
    }


def _foreign(deployable: Deployable) -> set[str]:
    """Return the names of the variables that this deployable must not see."""
    secret = {f"{other.prefix}_SECRET_KEY" for other in DEPLOYABLES if other is not deployable}
    databases = {f"{other.prefix}_DATABASE_URL" for other in DEPLOYABLES if other.name not in deployable.databases}
    return secret | databases


def _url(port: int) -> str:
    return f"http://{ports_module.HOST}:{port}"
