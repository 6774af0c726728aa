"""The whole shop as real processes, and the few things that tests do to it behind the API's back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from services.chassis.identity import Minter, Owner
from services.local import keys
from services.local.stack import Stack
from services.ownership import schema
from services.ownership.triggers import APPLYING
from services.sync import cutover
from services.sync.cutover import Report
from tests.support.shop import Door, Shop

COMBINATIONS: Final[tuple[tuple[Owner, Owner], ...]] = (
    ("monolith", "monolith"),
    ("service", "monolith"),
    ("monolith", "service"),
    ("service", "service"),
)
"""Every pair of who answers for products and who for orders."""

_PRODUCT_ROWS: Final[Mapping[Owner, tuple[str, str]]] = {
    "monolith": ("legacy", "SELECT 1 FROM catalogue_product WHERE code = %s FOR UPDATE"),
    "service": ("products", "SELECT 1 FROM products_product WHERE sku = %s FOR UPDATE"),
}
_KEY_ROWS: Final[Mapping[Owner, tuple[str, str]]] = {
    "monolith": ("legacy", "SELECT order_no FROM sales_idempotencykey WHERE cust_ref = %s AND key = %s"),
    "service": ("orders", "SELECT number FROM orders_idempotencykey WHERE customer = %s AND key = %s"),
}
FLIP: Final = "UPDATE routing_toggle SET reads = %(buckets)s, writes = %(buckets)s WHERE capability = %(capability)s"
# A worker that was killed counts for ten seconds more.
_FOLLOWED: Final = """
    SELECT count(*) > 0 AND bool_and(w.revision >= r.number)
    FROM routing_revision r JOIN routing_worker w ON w.seen_at > clock_timestamp() - interval '10 s'
"""
_WAITING: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
"""


def _client() -> httpx.Client:
    # One that many threads share: none of them waits for a connection.
    return httpx.Client(timeout=30, trust_env=False, limits=httpx.Limits(max_connections=100))


@dataclass(slots=True)
class System:
    """A running `Stack` and who may speak in whose name."""

    stack: Stack
    minters: Mapping[str, Minter]
    owners: dict[str, Owner] = field(default_factory=lambda: {"products": "monolith", "orders": "monolith"})
    http: httpx.Client = field(default_factory=_client)

    def route(self, *, products: Owner, orders: Owner) -> None:
        """Give each capability, rows and traffic, to one side, and return when the gateway's workers know."""
        wanted: dict[str, Owner] = {"products": products, "orders": orders}
        for capability, owner in wanted.items():
            if self.owners[capability] != owner:
                self.move(capability, owner)
                self.owners[capability] = owner
        with self.database("gateway") as connection:
            for capability, owner in wanted.items():
                connection.execute(FLIP, {"buckets": 1024 if owner == "service" else 0, "capability": capability})
        self.wait_for_workers()

    def move(self, capability: str, owner: Owner, buckets: Iterable[int] | None = None) -> Report:
        """Move ownership of these buckets, or all, as an operator's `sync move` does."""
        everything = range(schema.BUCKETS[capability])
        with self.mover():
            report = cutover.move(capability, everything if buckets is None else buckets, owner)
        assert not report.failed, report.failed
        return report

    @contextmanager
    def mover(self) -> Iterator[None]:
        """Let this process reach the databases as the mover does, for as long as the block lasts."""
        before = dict(os.environ)
        os.environ.update(
            {key: value for key, value in self.stack.environment("sync").items() if key.endswith("_DATABASE_URL")}
        )
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def toggle(self, capability: str, owner: Owner) -> None:
        """Flip one toggle, and wait until every worker says that it follows. Moves traffic alone."""
        with self.database("gateway") as connection:
            connection.execute(FLIP, {"buckets": 1024 if owner == "service" else 0, "capability": capability})
        self.wait_for_workers()

    def wait_for_relay(self) -> None:
        """Wait until what has been written so far is at both sides."""
        outboxes = [self.database(name) for name in ("legacy", "products", "orders")]
        deadline = time.monotonic() + 30
        for outbox in outboxes:
            with outbox:
                while outbox.execute("SELECT EXISTS (SELECT FROM ownership_outbox)").fetchone() == (True,):
                    assert time.monotonic() < deadline, "something is not relayed"
                    time.sleep(0.01)

    def wait_for_workers(self) -> None:
        """Wait until every worker says that it routes by the last change of the toggles."""
        deadline = time.monotonic() + 30
        with self.database("gateway") as connection:
            while connection.execute(_FOLLOWED).fetchone() != (True,):
                assert time.monotonic() < deadline, "some worker does not follow"
                time.sleep(0.01)

    def upstreams(self, name: str, owner: Owner) -> Shop:
        """Return one implementation, spoken to directly. The toggles must say the same."""
        doors = {
            "monolith": (self._door("legacy"), self._door("legacy")),
            "service": (self._door("products"), self._door("orders")),
        }[owner]
        return Shop(name, *doors, minters=self.minters, owners={"products": owner, "orders": owner}, http=self.http)

    def front(self, name: str = "gateway") -> Shop:
        """Return the shop through the gateway, as the toggles stand."""
        door = self._door("gateway")
        return Shop(name, door, door, minters=self.minters, owners=dict(self.owners), http=self.http)

    def database(self, component: str) -> psycopg.Connection[Any]:
        """Return a connection of one's own to a component's database."""
        return psycopg.connect(self.stack.database_url(component), autocommit=True)

    @contextmanager
    def product_locked(self, owner: Owner, sku: str) -> Iterator[Callable[[], None]]:
        """Hold a product's row, so that whoever buys it waits. Yields what waits until somebody does."""
        component, query = _PRODUCT_ROWS[owner]
        with self.database(component) as holder, self.database(component) as watcher, holder.transaction():
            assert holder.execute(query, [sku]).fetchone()

            def waiting() -> None:
                deadline = time.monotonic() + 10
                while watcher.execute(_WAITING).fetchone() == (0,):
                    assert time.monotonic() < deadline, "nobody came to wait for the product"
                    time.sleep(0.01)

            yield waiting

    def number_of_key(self, owner: Owner, customer: str, key: str) -> str:
        """Return the order number under which a placement runs."""
        component, query = _KEY_ROWS[owner]
        with self.database(component) as connection:
            row = connection.execute(query, [customer, key]).fetchone()
        assert row, "the key's row was not committed first"
        number: str = row[0]
        return number

    def ensure_category(self) -> dict[str, str]:
        """Return a category that both sides know: there is no way to make one through the API."""
        made = {"slug": "test-shelf", "name": "Test shelf"}
        for owner in ("monolith", "service"):
            self._insert_category(owner, made)
        return made

    def _insert_category(self, owner: str, made: Mapping[str, str]) -> None:
        component, statement = {
            "monolith": (
                "legacy",
                "INSERT INTO catalogue_category (slug, name) VALUES (%(slug)s, %(name)s) ON CONFLICT DO NOTHING",
            ),
            "service": (
                "products",
                "INSERT INTO products_category (id, slug, name)"
                " VALUES (gen_random_uuid(), %(slug)s, %(name)s) ON CONFLICT DO NOTHING",
            ),
        }[owner]
        with self.database(component) as connection:
            connection.execute(f"SET {APPLYING} = 'on'")
            connection.execute(statement, made)

    def _door(self, component: str) -> Door:
        return Door(self.stack.url(component), component)


@contextmanager
def running(home: Path, **options: Any) -> Iterator[System]:
    """Run the whole shop in a home of its own for as long as the block lasts."""
    with Stack(home=home, **options) as stack:
        files = keys.ensure(home)
        minters = {
            name: Minter.from_file(issuer=name, path=files.private(name))
            for name in ("gateway", "legacy", "products", "orders")
        }
        system = System(stack, minters)
        with system.http:
            yield system


def answers(url: str) -> bool:
    """Tell whether anything at all answers there."""
    try:
        httpx.get(url, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return True
