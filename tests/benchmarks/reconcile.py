"""How fast two sides that hold the same are compared, beside the least that can be done: hashing every row as it is.

The orders of both sides, with their lines, history and idempotency keys. `hash_record_extended` over a table's own rows
says nothing of the other side, whose columns are others; it is what reading and hashing so many rows costs.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier
from rich.console import Console

from services.local import postgres
from services.sync.databases import connect
from services.sync.mapping.capabilities import ORDERS
from services.sync.reconcile import reconcile
from services.sync.sides import Sides
from tests.benchmarks.report import CannotMeasureError, Result, Row
from tests.support.databases import migrated

ORDERS_PER_SIDE: Final = int(os.environ.get("ORDERS", "100000"))
ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
DAMAGED: Final = 100
LINES: Final = 3

# The same at both sides; numbers are in no order, as they are drawn.
_MONOLITH: Final = """
    INSERT INTO sales_order (order_no, cust_ref, status, ship_name, ship_street, ship_city, ship_postcode,
        ship_country, total_cents, placed, stock_settled)
    SELECT 'TC-' || upper(left(md5(n::text), 16)), 'customer-' || n % 20000, 'N', 'Ada Byron', '12 Square', 'London',
        'SW1', 'UK', 3000, '2026-11-23 10:00:00.123456Z'::timestamptz + n * interval '1 second', true
    FROM generate_series(1, {orders}) AS n;
    INSERT INTO sales_orderline (order_id, line_no, code, title, qty, unit_cents)
    SELECT id, n, 'SKU-' || n, 'White hanging heart T-light holder', 1, 1000
    FROM sales_order, generate_series(1, {lines}) AS n;
    INSERT INTO sales_statuschange (order_id, status, at) SELECT id, 'N', placed FROM sales_order;
    INSERT INTO sales_idempotencykey (cust_ref, key, fingerprint, order_no, lease_until, abandoned, answer, created)
    SELECT cust_ref, order_no, repeat('f', 64), order_no, placed, false, '{{}}', placed FROM sales_order;
"""
_SERVICE: Final = """
    INSERT INTO orders_order (id, number, customer, status, ship_to_name, ship_to_street, ship_to_city,
        ship_to_postcode, ship_to_country, total, placed_at, stock_settled)
    SELECT uuidv7(), 'TC-' || upper(left(md5(n::text), 16)), 'customer-' || n % 20000, 'placed', 'Ada Byron',
        '12 Square', 'London', 'SW1', 'UK', 30.00, '2026-11-23 10:00:00.123456Z'::timestamptz + n * interval '1 second',
        true
    FROM generate_series(1, {orders}) AS n;
    INSERT INTO orders_orderline (id, order_id, position, sku, name, quantity, unit_price)
    SELECT uuidv7(), id, n, 'SKU-' || n, 'White hanging heart T-light holder', 1, 10.00
    FROM orders_order, generate_series(1, {lines}) AS n;
    INSERT INTO orders_statuschange (id, order_id, status, at)
    SELECT uuidv7(), id, 'placed', placed_at FROM orders_order;
    INSERT INTO orders_idempotencykey (id, customer, key, fingerprint, number, state, attempt, lease_until, answer,
        created_at)
    SELECT uuidv7(), customer, number, repeat('f', 64), number, 'done', 1, placed_at, '{{}}', placed_at
    FROM orders_order;
"""


def run(console: Console) -> Result:
    """Compare, and scan, in turn."""
    with tempfile.TemporaryDirectory(prefix="techcommerce-reconcile-") as name, _filled(Path(name)) as rows:
        console.print(f"{rows:,} rows at both sides together")
        compared, scanned = [], []
        for _ in range(ROUNDS):
            scanned.append(_timed(_scan))
            compared.append(_timed(_compare))
        with connect("orders") as orders, orders.transaction():
            orders.execute("SET LOCAL techcommerce.applying = 'on'")
            orders.execute(
                "UPDATE orders_order SET ship_to_city = 'Bath'"
                " WHERE id IN (SELECT id FROM orders_order ORDER BY number LIMIT %s)",
                [DAMAGED],
            )
        found = _timed(lambda: _compare(differences=DAMAGED))
    ours, least = statistics.median(compared), statistics.median(scanned)
    return Result(
        name="reconcile",
        goal="half as fast as hashing every row as it is, or faster",
        met=least / ours >= 0.5,
        rows=[
            Row("sync reconcile", "rows_per_second", rows / ours, "1/s"),
            Row("hash_record_extended", "rows_per_second", rows / least, "1/s"),
            Row(f"{DAMAGED} rows differ", "seconds", found, "s"),
            Row("nothing differs", "seconds", ours, "s"),
        ],
        ratios={"vs_hash_scan": least / ours},
    )


def _timed(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _compare(differences: int = 0) -> None:
    outcome = reconcile(ORDERS.name)
    if outcome.differences != differences:
        raise CannotMeasureError(f"{outcome.differences} differences, and there are {differences}")


def _scan() -> None:
    with ExitStack() as stack:
        sides = Sides.open(stack, ORDERS, name="bench")
        for pair in ORDERS.pairs:
            sides.query(
                lambda side, pair=pair: SQL("SELECT count(*), bit_xor(hash_record_extended(t, 0)) FROM {} AS t").format(  # type: ignore[misc]
                    Identifier(pair.end(side).table.name)
                )
            )


@contextmanager
def _filled(home: Path) -> Iterator[int]:
    urls = migrated(home, ["gateway", "legacy", "orders"])
    before = dict(os.environ)
    os.environ.update({f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()})
    try:
        for component, statements in (("legacy", _MONOLITH), ("orders", _SERVICE)):
            with psycopg.connect(urls[component], autocommit=True) as connection:
                connection.execute("SET techcommerce.applying = 'on'")
                connection.execute(statements.format(orders=ORDERS_PER_SIDE, lines=LINES))
                connection.execute("VACUUM ANALYZE")
                connection.execute("UPDATE ownership_capability SET salt = 'salt', capturing = true")
        yield 2 * ORDERS_PER_SIDE * (1 + LINES + 1 + 1)
    finally:
        os.environ.clear()
        os.environ.update(before)
        postgres.release(home)
