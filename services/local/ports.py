"""Which port everyone listens on, and whether it is free."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Mapping

from services.local.components import DEPLOYABLE_BY_NAME, DEPLOYABLES
from services.local.errors import LocalError

HOST = "127.0.0.1"


class PortError(LocalError):
    """A port is not a number, or not free."""


def chosen(variables: Mapping[str, str]) -> dict[str, int]:
    """Return every deployable's port: what `<NAME>_PORT` says, else its usual one."""
    ports = {}
    for deployable in DEPLOYABLES:
        name = f"{deployable.prefix}_PORT"
        raw = variables.get(name) or str(deployable.port)
        if not raw.isascii() or not raw.isdigit() or not 0 < int(raw) < 65536:
            raise PortError(f"{name}={raw!r} is not a port number")
        ports[deployable.name] = int(raw)
    return ports


def free() -> dict[str, int]:
    """Return a free port for every deployable, for a second shop beside the first."""
    # Below the range from which the system takes ports for outgoing connections, so that none is taken meanwhile.
    candidates = random.sample(range(20_000, 32_000), 400)
    found = (port for port in candidates if _is_free(port))
    return {deployable.name: next(found) for deployable in DEPLOYABLES}


def require_free(ports: Mapping[str, int], names: Iterable[str]) -> None:
    """Raise unless every named deployable's port can be listened on and no two of them are the same."""
    taken: dict[int, str] = {}
    for name in names:
        port = ports[name]
        variable = f"{DEPLOYABLE_BY_NAME[name].prefix}_PORT"
        if port in taken:
            raise PortError(f"port {port} is given to both {taken[port]} and {name}: change {variable}")
        taken[port] = name
        if not _is_free(port):
            raise PortError(f"port {port} of {name} is in use: stop what listens there or set {variable} to another")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        # Some systems let one bind beside a listener on all addresses.
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
