"""Writing the books down. What is there already stays as it is, so that a second run, or one after a crash, adds only
what is missing: products and customers first, then orders in batches, each with all that belongs to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection, transaction

from legacy_monolith.catalogue.models import Category, Product
from legacy_monolith.sales.models import Customer, Order, Status, StatusChange
from legacy_monolith.sales.retail import shelves
from legacy_monolith.sales.retail.books import Books, RetailOrder, RetailReturn

_BATCH: Final = 2000
_STEP: Final = timedelta(seconds=1)
"""The file knows when an order was invoiced, not when it arrived: a moment later, so that its history has an order."""
_UNKNOWN: Final = "Not recorded"


@dataclass(slots=True)
class Added:
    """How much was new."""

    products: int = 0
    customers: int = 0
    orders: int = 0
    refunds: int = 0
    returns: int = 0


def write(books: Books, *, advance: Callable[[int], None]) -> Added:
    """Add what is not there yet, and return how much that was. `advance` is told of every batch of orders."""
    added = Added()
    _products(books, added)
    _customers(books, added)
    names = {product.sku: product.name for product in books.products}
    returns: defaultdict[str, list[RetailReturn]] = defaultdict(list)
    for back in books.returns:
        returns[back.order].append(back)
    for start in range(0, len(books.orders), _BATCH):
        batch = books.orders[start : start + _BATCH]
        _orders(batch, names, returns, added)
        advance(len(batch))
    return added


@transaction.atomic
def _products(books: Books, added: Added) -> None:
    wanted = {product.category for product in books.products}
    Category.objects.bulk_create(
        (Category(slug=slug, name=name) for slug, name in shelves.NAMES.items() if slug in wanted),
        ignore_conflicts=True,
    )
    categories = dict(Category.objects.values_list("slug", "pk"))
    before = Product.objects.count()
    Product.objects.bulk_create(
        (
            Product(
                code=product.sku,
                title=product.name,
                price_cents=product.unit_cents,
                qty=product.stock,
                category_id=categories[product.category],
                created=product.first,
                modified=product.last,
            )
            for product in books.products
        ),
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    added.products = Product.objects.count() - before


@transaction.atomic
def _customers(books: Books, added: Added) -> None:
    before = Customer.objects.count()
    Customer.objects.bulk_create(
        (
            Customer(ref=customer.ref, legacy_no=customer.number, country=customer.country, created=customer.first)
            for customer in books.customers
        ),
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    added.customers = Customer.objects.count() - before


@transaction.atomic
def _orders(
    batch: Sequence[RetailOrder], names: dict[str, str], returns: dict[str, list[RetailReturn]], added: Added
) -> None:
    numbers = [order.number for order in batch]
    known = set(Order.objects.filter(order_no__in=numbers).values_list("order_no", flat=True))
    new = [order for order in batch if order.number not in known]
    ids = {row.order_no: row.pk for row in Order.objects.bulk_create((_row(order) for order in new), batch_size=_BATCH)}
    _copy(
        "sales_orderline",
        ("order_id", "line_no", "code", "title", "qty", "unit_cents"),
        (
            (ids[order.number], number, line.sku, names[line.sku], line.quantity, line.unit_cents)
            for order in new
            for number, line in enumerate(order.lines, start=1)
        ),
    )
    _copy(
        "sales_statuschange",
        ("order_id", "status", "at"),
        (
            (ids[order.number], status.value, at)
            for order in new
            for status, at in (
                (Status.PLACED, order.placed),
                (Status.DELIVERED, order.placed + _STEP),
                (Status.REFUNDED, _refunded_at(order)),
            )
            if at is not None
        ),
    )
    added.orders += len(new)
    added.refunds += sum(order.refunded is not None for order in new)
    _refund([order for order in batch if order.number in known and order.refunded is not None], added)
    _returns([back for number in numbers for back in returns.get(number, ())], added)


def _row(order: RetailOrder) -> Order:
    number = order.customer.removeprefix("retail-")
    return Order(
        order_no=order.number,
        cust_ref=order.customer,
        status=Status.DELIVERED if order.refunded is None else Status.REFUNDED,
        ship_name=f"Customer {number}" if number.isdigit() else "Guest",
        ship_street=_UNKNOWN,
        ship_city=_UNKNOWN,
        ship_postcode=_UNKNOWN,
        ship_country=order.country,
        total_cents=order.total_cents,
        placed=order.placed,
    )


def _refunded_at(order: RetailOrder) -> Any:
    return None if order.refunded is None else max(order.refunded, order.placed + 2 * _STEP)


def _refund(orders: Sequence[RetailOrder], added: Added) -> None:
    """Refund orders that an earlier file knew as delivered and this one knows to have come back."""
    at = {order.number: _refunded_at(order) for order in orders}
    delivered = Order.objects.filter(order_no__in=at, status=Status.DELIVERED)
    rows = list(delivered.select_for_update().order_by("order_no"))
    for row in rows:
        row.status = Status.REFUNDED
    Order.objects.bulk_update(rows, ["status"])
    StatusChange.objects.bulk_create(
        StatusChange(order=row, status=Status.REFUNDED, at=at[row.order_no]) for row in rows
    )
    added.refunds += len(rows)


def _returns(returns: Sequence[RetailReturn], added: Added) -> None:
    if not returns:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO sales_return (return_no, line_id, qty, at)"
            " SELECT %s, line.id, %s, %s FROM sales_orderline line JOIN sales_order o ON o.id = line.order_id"
            " WHERE o.order_no = %s AND line.line_no = %s"
            " ON CONFLICT (return_no, line_id) DO NOTHING",
            [(back.number, back.quantity, back.at, back.order, back.line) for back in returns],
        )
        added.returns += cursor.rowcount


def _copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
