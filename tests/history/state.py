"""What both sides hold in the end, once everything that was begun has come to its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from services.chassis.identity import Owner
from services.sync import doctor
from services.sync.mapping.capabilities import CAPABILITIES
from services.sync.outcome import summary
from services.sync.reconcile import reconcile
from tests.history.checker import asked
from tests.history.history import SIDES, Ending, Placement, Reservation, Side
from tests.history.recorder import note_of
from tests.support.shop import STAFF
from tests.support.system import System

COMPONENTS: Final = ("legacy", "products", "orders")
_STATES: Final = {"H": "held", "C": "confirmed", "R": "released"}
_SETTLED_SECONDS: Final = 60

# Two minutes of a reservation, half a minute of a lease: nobody is at work any more.
_DUE: Final[Mapping[str, Sequence[str]]] = {
    "legacy": (
        "UPDATE sales_idempotencykey SET lease_until = now() - interval '1 hour'"
        " WHERE answer IS NULL AND NOT abandoned AND ownership_is_self('orders', cust_ref)",
        "UPDATE catalogue_reservation SET expires = now() - interval '1 second'"
        " WHERE state = 'H' AND ownership_is_self('products', '')",
    ),
    "orders": (
        "UPDATE orders_idempotencykey SET lease_until = now() - interval '1 hour'"
        " WHERE state = 'in_flight' AND ownership_is_self('orders', customer)",
    ),
    "products": (
        "UPDATE products_reservation SET expires_at = now() - interval '1 second'"
        " WHERE state = 'held' AND ownership_is_self('products', '')",
    ),
}
_UNSETTLED: Final = {
    "legacy": "SELECT (SELECT count(*) FROM catalogue_reservation WHERE state = 'H')"
    " + (SELECT count(*) FROM sales_order WHERE NOT stock_settled)",
    "orders": "SELECT count(*) FROM orders_order WHERE NOT stock_settled",
    "products": "SELECT count(*) FROM products_reservation WHERE state = 'held'",
}
_RESERVATIONS: Final[Mapping[Owner, tuple[str, str]]] = {
    "monolith": (
        "legacy",
        "SELECT r.order_no, r.state, (SELECT json_object_agg(p.code, l.qty) FROM catalogue_reservationline l"
        " JOIN catalogue_product p ON p.id = l.product_id WHERE l.reservation_id = r.id)"
        " FROM catalogue_reservation r WHERE r.cust_ref = ANY(%s)",
    ),
    "service": (
        "products",
        'SELECT r."order", r.state, (SELECT json_object_agg(l.sku, l.quantity) FROM products_reservationline l'
        " WHERE l.reservation_id = r.id) FROM products_reservation r WHERE r.customer = ANY(%s)",
    ),
}
_PLACEMENTS: Final[Mapping[Owner, tuple[str, str]]] = {
    "monolith": (
        "legacy",
        "SELECT cust_ref, key, order_no, answer IS NOT NULL FROM sales_idempotencykey WHERE cust_ref = ANY(%s)",
    ),
    "service": (
        "orders",
        "SELECT customer, key, number, state = 'done' FROM orders_idempotencykey WHERE customer = ANY(%s)",
    ),
}


def settle(system: System) -> None:
    """Let what died be over at once, and wait until sweepers and relays have done what is theirs to do."""
    for component, statements in _DUE.items():
        with system.database(component) as connection:
            for statement in statements:
                connection.execute(statement)
    system.stack.wait_until(lambda: not unsettled(system), seconds=_SETTLED_SECONDS, what="that all stock is settled")
    system.wait_for_relay()


def unsettled(system: System) -> dict[str, int]:
    """Return how many orders and reservations are still to be settled, by component; nothing when none."""
    found = {}
    for component, query in _UNSETTLED.items():
        with system.database(component) as connection:
            row = connection.execute(query).fetchone()
        if row and row[0]:
            found[component] = int(row[0])
    return found


def ending(system: System, *, customers: Collection[str], skus: Sequence[str]) -> Ending:
    """Return what there is."""
    owners: dict[tuple[str, int], list[Owner]] = {}
    outboxes, set_aside = {}, {}
    for component in COMPONENTS:
        side: Owner = "monolith" if component == "legacy" else "service"
        with system.database(component) as connection:
            for capability, bucket in connection.execute(
                "SELECT capability, bucket FROM ownership_bucket WHERE owner = 'self'"
            ):
                owners.setdefault((capability, bucket), []).append(side)
            row = connection.execute("SELECT count(*), count(failed_at) FROM ownership_outbox").fetchone()
            outboxes[component], set_aside[component] = row or (0, 0)
    unwell: list[str] = []
    differences: list[str] = []
    with system.mover():
        for name in CAPABILITIES:
            examination = doctor.examine(name)
            unwell += [f"{finding.capability}: {finding.says}" for finding in examination.findings]
            unwell += examination.repaired
            outcome = reconcile(name)
            differences += [f"{name}: {difference}" for difference in outcome.found]
            differences += [f"{name}: {total}" for total in outcome.totals if not total.equal]
            if not outcome.clean:
                differences.append(f"{name}: {summary(outcome, examples=0)}")
    return Ending(
        sides={name: _side(system, name, customers=list(customers), skus=skus) for name in SIDES},
        owners=owners,
        outboxes=outboxes,
        set_aside=set_aside,
        unwell=unwell,
        differences=differences,
    )


def _side(system: System, name: Owner, *, customers: list[str], skus: Sequence[str]) -> Side:
    shop = system.upstreams(name, name)
    products: list[dict[str, Any]] = shop.get(f"/products?sku={','.join(skus)}&page_size=100").json()["results"]
    orders: list[dict[str, Any]] = []
    for customer in customers:
        page = shop.get(f"/orders?customer={customer}&page_size=100", by=STAFF).json()
        assert page["pages"] == 1, f"{customer} has {page['count']} orders"
        orders += page["results"]
    component, query = _RESERVATIONS[name]
    with system.database(component) as connection:
        reservations = {
            number: Reservation(_STATES.get(state, state), lines or {})
            for number, state, lines in connection.execute(query, [customers])
        }
    component, query = _PLACEMENTS[name]
    with system.database(component) as connection:
        placements = {
            (customer, key): Placement(number, answered)
            for customer, key, number, answered in connection.execute(query, [customers])
        }
    assert all(asked(order) for order in orders)
    return Side(
        orders={order["number"]: order for order in orders},
        stock={product["sku"]: product["stock"] for product in products},
        notes={product["sku"]: note_of(product) for product in products},
        reservations=reservations,
        placements=placements,
    )
