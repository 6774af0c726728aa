"""How fast orders are copied to the Order API's database, beside `psql -c COPY … | psql -c COPY …` of the same rows.

`ORDERS` orders (500,000 unless said otherwise), each with three lines, one to three steps of history and an answered
idempotency key. Both read the monolith's tables, turn rows into the service's by the same expressions, and fill the
same tables with their indexes, constraints and triggers. What psql does not do: look for rows that are there or have
been deleted, find what a row refers to by its natural key (it is handed the key that the row will have), and stop in
between, so that others can write. A second copy, which finds everything there, is timed as well.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from psycopg.sql import SQL, Composed, Identifier
from rich.console import Console

from services.local import postgres
from services.sync.backfill import backfill
from services.sync.databases import Connection, connect
from services.sync.keys import uuid7_sql
from services.sync.mapping.capabilities import ORDERS, Pair
from services.sync.mapping.sql import reading
from services.sync.pace import Pace
from tests.benchmarks.report import CannotMeasureError, Result, Row
from tests.support.databases import migrated

COUNT: Final = int(os.environ.get("ORDERS", "500000"))
ROUNDS: Final = int(os.environ.get("ROUNDS", "3"))
_GOAL: Final = 0.5

_FILL: Final = """
    SET techcommerce.applying = 'on';
    INSERT INTO sales_order (order_no, cust_ref, status, ship_name, ship_street, ship_city, ship_postcode,
        ship_country, total_cents, placed, stock_settled)
    SELECT 'TC-' || upper(md5(n::text)), 'customer-' || n % {customers}, (ARRAY['N', 'P', 'S'])[1 + n % 3],
        'Ada Byron', '12 Square', 'London', 'SW1', 'GB', 1000 + n, '2026-01-01'::timestamptz + n * interval '1.2345 s',
        true
    FROM generate_series(1, {orders}) AS n;
    INSERT INTO sales_orderline (order_id, line_no, code, title, qty, unit_cents)
    SELECT id, n, 'SKU-' || id * n % 4000, 'White hanging heart T-light holder', n, 99 + n
    FROM sales_order, generate_series(1, 3) AS n ORDER BY id, n;
    INSERT INTO sales_statuschange (order_id, status, at)
    SELECT id, letter, placed FROM sales_order, unnest(string_to_array('NPS', NULL)) AS letter
    WHERE position(letter IN 'NPS') <= position(status IN 'NPS') ORDER BY id;
    INSERT INTO sales_idempotencykey (cust_ref, key, fingerprint, order_no, lease_until, abandoned, answer, created)
    SELECT cust_ref, md5(order_no), repeat('f', 64), order_no, placed, false,
        '{{"number": "' || order_no || '", "status": "placed"}}', placed
    FROM sales_order ORDER BY id;
    RESET techcommerce.applying;
    ANALYZE sales_order, sales_orderline, sales_statuschange, sales_idempotencykey;
"""


def run(console: Console) -> Result:
    """Copy in turn with psql and with the backfill, and compare neighbours."""
    peer, ours, again = [], [], []
    with (
        tempfile.TemporaryDirectory(prefix="techcommerce-backfill-") as name,
        _databases(Path(name)),
        connect("legacy") as source,
        connect("orders") as receiver,
    ):
        # Formatted and not passed: a statement with parameters is one statement.
        source.execute(SQL(_FILL).format(orders=COUNT, customers=max(1, COUNT // 5)))
        rows = sum(_count(source, pair.monolith.table.name) for pair in ORDERS.pairs)
        for number in range(ROUNDS):
            for way in ("peer", "ours") if number % 2 else ("ours", "peer"):
                _empty(receiver)
                if way == "peer":
                    peer.append(rows / _with_psql(receiver, rows))
                else:
                    ours.append(rows / _with_backfill(source, receiver, new=rows))
                    again.append(rows / _with_backfill(source, receiver, new=0))
            console.print(
                f"round {number + 1}: backfill {ours[-1]:,.0f}, again {again[-1]:,.0f}, psql {peer[-1]:,.0f} rows/s"
            )
    # Of neighbours in time: what slows the machine for a while slows both.
    ratio = statistics.median(one / other for one, other in zip(ours, peer, strict=True))
    return Result(
        name="backfill",
        goal=f"{_GOAL} × the rows/s of psql's COPY into psql's COPY, or more",
        met=ratio >= _GOAL,
        rows=[
            Row("backfill", "rows_per_second", statistics.median(ours), "1/s"),
            Row("backfill of what is there", "rows_per_second", statistics.median(again), "1/s"),
            Row("psql | psql", "rows_per_second", statistics.median(peer), "1/s"),
            Row("copied", "rows", rows, ""),
        ],
        ratios={"vs_psql_copy": ratio},
    )


def _with_backfill(source: Connection, receiver: Connection, *, new: int) -> float:
    """This will copy once and return the seconds that it took."""
    report = backfill(
        source,
        receiver,
        capability=ORDERS,
        origin="monolith",
        pace=Pace(),
        advance=lambda table, rows: None,
        sleep=lambda seconds: None,
    )
    if sum(report.new.values()) != new:
        raise CannotMeasureError(f"{sum(report.new.values())} rows were new, not {new}")
    return report.seconds


def _with_psql(receiver: Connection, rows: int) -> float:
    """This will copy once, table by table, and return the seconds that it took."""
    began = time.monotonic()
    # The mover's way past the fence and the outbox.
    variables = {**os.environ, "PGOPTIONS": "-c techcommerce.applying=on"}
    for pair in ORDERS.pairs:
        table = pair.service.table
        names = SQL(", ").join(Identifier(column.stored) for column in table.staged())
        reading_ = SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(_rows(pair)).as_string(receiver)
        writing = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(Identifier(table.name), names)
        with subprocess.Popen(_psql("legacy", reading_), env=variables, stdout=subprocess.PIPE) as outgoing:
            done = subprocess.run(
                _psql("orders", writing.as_string(receiver)), env=variables, stdin=outgoing.stdout, check=False
            )
        if done.returncode or outgoing.returncode:
            raise CannotMeasureError(f"psql failed at {table.name}")
    seconds = time.monotonic() - began
    if (copied := sum(_count(receiver, pair.service.table.name) for pair in ORDERS.pairs)) != rows:
        raise CannotMeasureError(f"psql copied {copied} rows, not {rows}")
    return seconds


def _psql(component: str, command: str) -> list[str]:
    program = postgres._binaries() / "psql"
    return [str(program), "--no-psqlrc", "--quiet", os.environ[f"{component.upper()}_DATABASE_URL"], "-c", command]


def _rows(pair: Pair) -> Composed:
    """Return the query for the service's rows, with the key that their order will have."""
    table, mapped = pair.monolith.table, pair.monolith.mapped_sql
    columns = [
        SQL("order_key" if column.refers_to else "CAST({} AS {})").format(SQL(mapped[column.name]), SQL(column.type))
        for column in pair.service.table.staged()
    ]
    if any(column.refers_to for column in table.columns):
        rows = SQL("SELECT t.*, o.placed, o.order_no, {} AS order_key FROM {} AS t JOIN sales_order AS o ON {}").format(
            SQL(uuid7_sql("o.placed", "o.id")), Identifier(table.name), SQL("o.id = t.order_id")
        )
    else:
        rows = reading(table)
    return SQL("SELECT {} FROM ({}) AS r").format(SQL(", ").join(columns), rows)


def _empty(receiver: Connection) -> None:
    names = SQL(", ").join(Identifier(pair.service.table.name) for pair in ORDERS.pairs)
    receiver.execute(SQL("TRUNCATE {} CASCADE").format(names))


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table))).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _databases(home: Path) -> Iterator[None]:
    urls = migrated(home, ["legacy", "orders"])
    before = dict(os.environ)
    os.environ.update({f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        postgres.release(home)
