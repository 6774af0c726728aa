"""Which components exist, and where each lives: the one list that commands, supervisor and tests read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Deployable:
    """Something that runs with an identity, an environment and a port of its own."""

    name: str
    """As typed in `./manage.py <name> …`."""
    port: int
    """The port it listens on unless `<NAME>_PORT` says otherwise."""
    databases: tuple[str, ...]
    """Whose databases it may open. A component opens its own and no other."""

    @property
    def prefix(self) -> str:
        """Begins the environment variables that are this deployable's alone."""
        return self.name.upper()


@dataclass(frozen=True, slots=True)
class Component(Deployable):
    """A deployable with a Django project; its name is also that of its database and its database role."""

    settings: str
    application: str
    """What gunicorn loads."""
    rooms: tuple[str, ...]
    """The folders, from the repository's root, that hold its Django apps."""


GATEWAY: Final = Component("gateway", 3000, ("gateway",), "gateway.settings", "gateway.asgi:application", ("gateway",))
LEGACY: Final = Component(
    "legacy", 8000, ("legacy",), "legacy_monolith.settings", "legacy_monolith.wsgi:application", ("legacy_monolith",)
)
PRODUCTS: Final = Component(
    "products",
    5000,
    ("products",),
    "services.products.settings",
    "services.products.wsgi:application",
    ("services/products",),
)
ORDERS: Final = Component(
    "orders", 4000, ("orders",), "services.orders.settings", "services.orders.wsgi:application", ("services/orders",)
)
# Moves are recorded in the gateway's database, as routing is: that is where they are decided.
SYNC: Final = Deployable("sync", 7000, ("gateway", "legacy", "products", "orders"))

COMPONENTS: Final = (GATEWAY, LEGACY, PRODUCTS, ORDERS)
BY_NAME: Final = {component.name: component for component in COMPONENTS}
DEPLOYABLES: Final[tuple[Deployable, ...]] = (*COMPONENTS, SYNC)
DEPLOYABLE_BY_NAME: Final = {deployable.name: deployable for deployable in DEPLOYABLES}
