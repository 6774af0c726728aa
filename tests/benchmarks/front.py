"""The real gateway, started the way the project starts it, without the rest of the shop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from gateway import tokens
from gateway.proxy.decision import UPSTREAMS
from services.chassis.identity import Minter, Owner, Principal
from services.local import keys
from services.local.stack import SERVICES, Stack

BUCKETS = 1024


@dataclass(frozen=True, slots=True)
class Front:
    """A running gateway."""

    stack: Stack

    @property
    def url(self) -> str:
        return self.stack.url("gateway")

    @property
    def port(self) -> int:
        return self.stack.ports["gateway"]

    def cookie(self, subject: str = "11111111-2222-4333-8444-555555555555") -> str:
        """Return the Cookie header of a customer who is logged in. Good for a quarter of an hour."""
        principal = Principal(subject, "customer", frozenset({"orders"}))
        token = self._minter().mint(principal, audience=tokens.COOKIE_AUDIENCE, lifetime=tokens.COOKIE_LIFETIME)
        return f"{tokens.COOKIE}={token}"

    def bearer(self, subject: str = "11111111-2222-4333-8444-555555555555") -> str:
        """Return the Authorization header of a customer's API client."""
        principal = Principal(subject, "customer", frozenset({"orders"}))
        minted = self._minter().mint(principal, audience=tokens.ACCESS_AUDIENCE, lifetime=tokens.ACCESS_LIFETIME)
        return f"Bearer {minted}"

    def database(self) -> psycopg.Connection[Any]:
        """Return a connection of one's own to the gateway's database, each statement a transaction."""
        return connected(self.stack, "gateway")

    def _minter(self) -> Minter:
        return Minter.from_file(issuer="gateway", path=keys.ensure(self.stack.home).private("gateway"))


def connected(stack: Stack, component: str) -> psycopg.Connection[Any]:
    """Return a connection to a component's database, each statement a transaction."""
    return psycopg.connect(stack.database_url(component), autocommit=True)


def send_to(connection: psycopg.Connection[Any], capability: str, side: Owner) -> None:
    """Send all of a capability, reads and writes, to one side."""
    connection.execute(
        "UPDATE routing_toggle SET reads = %(share)s, writes = %(share)s WHERE capability = %(capability)s",
        {"share": share(side), "capability": capability},
    )


def all_to(connection: psycopg.Connection[Any], side: Owner) -> None:
    """Send everything to one side, in one statement."""
    connection.execute("UPDATE routing_toggle SET reads = %(share)s, writes = %(share)s", {"share": share(side)})


def share(side: Owner) -> int:
    """Return the number of buckets that say that all of it goes to a side."""
    return BUCKETS if side == "service" else 0


@contextmanager
def gateway(
    home: Path,
    *,
    upstreams: Mapping[str, str] | str,
    workers: int = 1,
    pin: tuple[str, ...] = (),
    extra: Mapping[str, str] | None = None,
) -> Iterator[Front]:
    """Run a gateway with a database of its own and these upstreams (one URL for all of them, or one for each).

    `pin` begins its command line: what holds it to a core.
    """
    urls = dict.fromkeys(UPSTREAMS, upstreams) if isinstance(upstreams, str) else upstreams
    service = next(service for service in SERVICES if service.name == "gateway")
    variables = {
        **{f"{name.upper()}_URL": url for name, url in urls.items()},
        "GATEWAY_WORKERS": str(workers),
        "GATEWAY_ACCESS_LOG": "false",
        "LOG_FORMAT": "json",
        **(extra or {}),
    }
    pinned = replace(service, command=(*pin, *service.command))
    with Stack(home=home, services=(pinned,), first_data=(), extra=variables) as stack:
        yield Front(stack)
