"""Writes to either side as its owner does, by SQL: what the triggers see is what they see from the shop.

Every function takes an open connection and decides nothing about transactions.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg

from services.sync.mapping.capabilities import Side
from services.sync.mapping.orders import LETTERS
from services.sync.mapping.reservations import LETTERS as RESERVATION_LETTERS

Connection = psycopg.Connection[tuple[Any, ...]]

PLACED: Final = datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
SHIP_TO: Final = ("Ada Byron", "12 Square", "London", "SW1", "UK")
LINES: Final = (("A-1", 2, 250), ("B-2", 1, 999))
"""What an order holds unless told otherwise: sku, quantity, price in cents."""

_ticks = itertools.count()


def number() -> str:
    """Return an order number that this process has not used."""
    return f"T-{next(_ticks):08}"


def order(
    connection: Connection,
    side: Side,
    *,
    number: str,
    customer: str,
    lines: Sequence[tuple[str, int, int]] = LINES,
    status: str = "placed",
    placed: datetime = PLACED,
    stock_settled: bool = True,
) -> None:
    """Insert an order, its lines, and that it reached its status."""
    total = sum(quantity * cents for _, quantity, cents in lines)
    if side == "monolith":
        connection.execute(
            "INSERT INTO sales_order (order_no, cust_ref, status, ship_name, ship_street, ship_city, ship_postcode,"
            " ship_country, total_cents, placed, stock_settled) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [number, customer, LETTERS[status], *SHIP_TO, total, placed, stock_settled],
        )
    else:
        connection.execute(
            "INSERT INTO orders_order (id, number, customer, status, ship_to_name, ship_to_street, ship_to_city,"
            " ship_to_postcode, ship_to_country, total, placed_at, stock_settled)"
            " VALUES (uuidv7(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [number, customer, status, *SHIP_TO, _amount(total), placed, stock_settled],
        )
    for position, (sku, quantity, cents) in enumerate(lines, start=1):
        order_line(connection, side, number=number, position=position, sku=sku, quantity=quantity, cents=cents)
    status_change(connection, side, number=number, status=status, at=placed)


def order_line(
    connection: Connection, side: Side, *, number: str, position: int, sku: str, quantity: int, cents: int
) -> None:
    """Insert one line of an order."""
    if side == "monolith":
        connection.execute(
            "INSERT INTO sales_orderline (order_id, line_no, code, title, qty, unit_cents)"
            " SELECT id, %s, %s, %s, %s, %s FROM sales_order WHERE order_no = %s",
            [position, sku, f"Thing {sku}", quantity, cents, number],
        )
    else:
        connection.execute(
            "INSERT INTO orders_orderline (id, order_id, position, sku, name, quantity, unit_price)"
            " SELECT uuidv7(), id, %s, %s, %s, %s, %s FROM orders_order WHERE number = %s",
            [position, sku, f"Thing {sku}", quantity, _amount(cents), number],
        )


def status_change(connection: Connection, side: Side, *, number: str, status: str, at: datetime = PLACED) -> None:
    """Insert that an order reached a status."""
    if side == "monolith":
        connection.execute(
            "INSERT INTO sales_statuschange (order_id, status, at)"
            " SELECT id, %s, %s FROM sales_order WHERE order_no = %s",
            [LETTERS[status], at, number],
        )
    else:
        connection.execute(
            "INSERT INTO orders_statuschange (id, order_id, status, at)"
            " SELECT uuidv7(), id, %s, %s FROM orders_order WHERE number = %s",
            [status, at, number],
        )


def move(connection: Connection, side: Side, *, number: str, status: str, at: datetime = PLACED) -> int:
    """Take an order to a status, as far as it may go there, and return how many orders went."""
    if side == "monolith":
        statement = "UPDATE sales_order SET status = %s WHERE order_no = %s"
    else:
        statement = "UPDATE orders_order SET status = %s WHERE number = %s"
    moved = connection.execute(statement, [LETTERS[status] if side == "monolith" else status, number]).rowcount
    status_change(connection, side, number=number, status=status, at=at)
    return moved


def delete_order(connection: Connection, side: Side, *, number: str) -> None:
    """Delete an order and all that belongs to it, in the order in which Django does."""
    table, column, children = {
        "monolith": ("sales_order", "order_no", ("sales_orderline", "sales_statuschange")),
        "service": ("orders_order", "number", ("orders_orderline", "orders_statuschange")),
    }[side]
    for child in children:
        connection.execute(
            f"DELETE FROM {child} WHERE order_id IN (SELECT id FROM {table} WHERE {column} = %s)",
            [number],
        )
    connection.execute(f"DELETE FROM {table} WHERE {column} = %s", [number])


def key(
    connection: Connection,
    side: Side,
    *,
    customer: str,
    key: str,
    number: str,
    answer: str = "",
    created: datetime = PLACED,
    lease_until: datetime | None = None,
) -> None:
    """Insert an idempotency key: of a placement that runs, or, with an answer, of one that is done."""
    lease = lease_until or created + timedelta(seconds=30)
    if side == "monolith":
        connection.execute(
            "INSERT INTO sales_idempotencykey (cust_ref, key, fingerprint, order_no, lease_until, abandoned, answer,"
            " created) VALUES (%s, %s, %s, %s, %s, false, %s, %s)",
            [customer, key, "f" * 64, number, lease, answer or None, created],
        )
    else:
        connection.execute(
            "INSERT INTO orders_idempotencykey (id, customer, key, fingerprint, number, state, attempt, lease_until,"
            " answer, created_at) VALUES (uuidv7(), %s, %s, %s, %s, %s, 1, %s, %s, %s)",
            [customer, key, "f" * 64, number, "done" if answer else "in_flight", lease, answer, created],
        )


def change_key(
    connection: Connection,
    side: Side,
    *,
    customer: str,
    key: str,
    number: str | None = None,
    answer: str | None = None,
) -> None:
    """Give a key another number, an answer, or both."""
    if side == "monolith":
        connection.execute(
            "UPDATE sales_idempotencykey SET order_no = coalesce(%s, order_no), answer = coalesce(%s, answer)"
            " WHERE cust_ref = %s AND key = %s",
            [number, answer, customer, key],
        )
    else:
        connection.execute(
            "UPDATE orders_idempotencykey SET number = coalesce(%(number)s, number),"
            " answer = coalesce(%(answer)s, answer),"
            " state = CASE WHEN %(answer)s::text IS NULL THEN state ELSE 'done' END"
            " WHERE customer = %(customer)s AND key = %(key)s",
            {"number": number, "answer": answer, "customer": customer, "key": key},
        )


def delete_key(connection: Connection, side: Side, *, customer: str, key: str) -> None:
    """Delete an idempotency key."""
    table, column = (
        ("sales_idempotencykey", "cust_ref") if side == "monolith" else ("orders_idempotencykey", "customer")
    )
    connection.execute(f"DELETE FROM {table} WHERE {column} = %s AND key = %s", [customer, key])


def category(connection: Connection, side: Side, *, slug: str, name: str = "A shelf") -> None:
    """Insert a category."""
    if side == "monolith":
        connection.execute("INSERT INTO catalogue_category (slug, name) VALUES (%s, %s)", [slug, name])
    else:
        connection.execute("INSERT INTO products_category (id, slug, name) VALUES (uuidv7(), %s, %s)", [slug, name])


def product(
    connection: Connection,
    side: Side,
    *,
    sku: str,
    stock: int = 100,
    cents: int = 250,
    category: str | None = None,
    description: str = "",
    created: datetime = PLACED,
) -> None:
    """Insert a product."""
    if side == "monolith":
        connection.execute(
            "INSERT INTO catalogue_product (code, title, descr, price_cents, qty, active, category_id, created,"
            " modified) VALUES (%s, %s, %s, %s, %s, true, (SELECT id FROM catalogue_category WHERE slug = %s), %s, %s)",
            [sku, f"Thing {sku}", description, cents, stock, category, created, created],
        )
    else:
        connection.execute(
            "INSERT INTO products_product (id, sku, name, description, price, stock, category_id, created_at,"
            " updated_at) VALUES (uuidv7(), %s, %s, %s, %s, %s, (SELECT id FROM products_category WHERE slug = %s),"
            " %s, %s)",
            [sku, f"Thing {sku}", description, _amount(cents), stock, category, created, created],
        )


def change_stock(connection: Connection, side: Side, *, sku: str, by: int) -> int:
    """Add to a product's stock, and return how many products that changed."""
    if side == "monolith":
        statement = "UPDATE catalogue_product SET qty = qty + %s WHERE code = %s"
    else:
        statement = "UPDATE products_product SET stock = stock + %s WHERE sku = %s"
    return connection.execute(statement, [by, sku]).rowcount


def reservation(
    connection: Connection,
    side: Side,
    *,
    number: str,
    customer: str,
    lines: Mapping[str, int],
    created: datetime = PLACED,
) -> None:
    """Insert a reservation that is held, with its lines, and take them off the stock."""
    expires = created + timedelta(seconds=120)
    if side == "monolith":
        connection.execute(
            "INSERT INTO catalogue_reservation (order_no, cust_ref, state, expires, created)"
            " VALUES (%s, %s, 'H', %s, %s)",
            [number, customer, expires, created],
        )
    else:
        connection.execute(
            'INSERT INTO products_reservation (id, "order", customer, state, expires_at, created_at)'
            " VALUES (uuidv7(), %s, %s, 'held', %s, %s)",
            [number, customer, expires, created],
        )
    # One order of locks for all writers.
    for sku, quantity in sorted(lines.items()):
        change_stock(connection, side, sku=sku, by=-quantity)
        if side == "monolith":
            connection.execute(
                "INSERT INTO catalogue_reservationline (reservation_id, product_id, title, qty, unit_cents)"
                " SELECT r.id, p.id, p.title, %s, p.price_cents FROM catalogue_reservation r, catalogue_product p"
                " WHERE r.order_no = %s AND p.code = %s",
                [quantity, number, sku],
            )
        else:
            connection.execute(
                "INSERT INTO products_reservationline (id, reservation_id, sku, name, quantity, unit_price)"
                " SELECT uuidv7(), r.id, p.sku, p.name, %s, p.price FROM products_reservation r, products_product p"
                ' WHERE r."order" = %s AND p.sku = %s',
                [quantity, number, sku],
            )


def settle(connection: Connection, side: Side, *, number: str, state: str) -> None:
    """Take a reservation to a state. Stock is the caller's affair."""
    if side == "monolith":
        connection.execute(
            "UPDATE catalogue_reservation SET state = %s WHERE order_no = %s", [RESERVATION_LETTERS[state], number]
        )
    else:
        connection.execute('UPDATE products_reservation SET state = %s WHERE "order" = %s', [state, number])


def _amount(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
