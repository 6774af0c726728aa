"""The lines of a file as a shop's books: products, customers, orders with their lines, what came back. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from legacy_monolith.sales.retail import goods, shelves
from legacy_monolith.sales.retail.invoices import Entry, Reason
from services.chassis import contract

GUEST: Final = "retail-guest"
"""Stands for every customer without a number."""
STOCK_WINDOW: Final = timedelta(days=30)


@dataclass(slots=True)
class RetailProduct:
    """A product, as the last line about it has it. The stock is what was sold in the file's last 30 days."""

    sku: str
    name: str
    category: str
    unit_cents: int
    stock: int
    first: datetime
    last: datetime


@dataclass(slots=True)
class RetailCustomer:
    """A customer; `number` is empty for the guest."""

    ref: str
    number: str
    country: str
    first: datetime


@dataclass(slots=True)
class RetailLine:
    """One product of an order at one price."""

    sku: str
    unit_cents: int
    quantity: int
    back: int = 0
    """How many of them came back."""


@dataclass(slots=True)
class RetailOrder:
    """An invoice. Lines are in sku order; a product that was charged at two prices has two."""

    number: str
    customer: str
    country: str
    placed: datetime
    lines: list[RetailLine]
    refunded: datetime | None = None
    """When the last of it came back, None unless all of it has."""

    @property
    def total_cents(self) -> int:
        return sum(line.quantity * line.unit_cents for line in self.lines)


@dataclass(slots=True)
class RetailReturn:
    """So many of one line that came back under one number. `line` counts from 1 within its order."""

    number: str
    order: str
    line: int
    quantity: int
    at: datetime


@dataclass(slots=True)
class Books:
    """Everything that a file says, and what became of each of its lines."""

    products: list[RetailProduct] = field(default_factory=list)
    customers: list[RetailCustomer] = field(default_factory=list)
    orders: list[RetailOrder] = field(default_factory=list)
    returns: list[RetailReturn] = field(default_factory=list)
    read: int = 0
    sold: int = 0
    returned: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)

    @property
    def guest_orders(self) -> int:
        return sum(order.customer == GUEST for order in self.orders)

    @property
    def refunded_orders(self) -> int:
        return sum(order.refunded is not None for order in self.orders)

    def balance(self) -> None:
        """Raise AssertionError unless every line read is accounted for exactly once."""
        accounted = self.sold + self.returned + self.rejected.total()
        if accounted != self.read:
            raise AssertionError(f"{self.read} lines read, {accounted} accounted for")


def reference(customer: str | None) -> str:
    """Return the shop's reference of a customer by their number in the file."""
    return GUEST if customer is None else f"retail-{customer}"


def keep(lines: Iterable[Entry | Reason]) -> Books:
    """Return the books of a file's lines, in any order."""
    books = Books()
    sales: dict[str, list[Entry]] = {}
    returns: list[Entry] = []
    for line in lines:
        books.read += 1
        if isinstance(line, Reason):
            books.rejected[line] += 1
        elif line.returned:
            returns.append(line)
        else:
            sales.setdefault(line.invoice, []).append(line)
    kept = _orders(books, sales)
    books.products = _products(kept)
    books.customers = _customers(kept)
    _match(books, returns)
    books.balance()
    return books


def _orders(books: Books, sales: dict[str, list[Entry]]) -> list[Entry]:
    """Make the orders, and return the lines that are in them."""
    kept: list[Entry] = []
    for number, entries in sales.items():
        first = entries[0]
        own = [entry for entry in entries if entry.customer == first.customer]
        books.rejected[Reason.OTHER_CUSTOMER] += len(entries) - len(own)
        quantities: dict[tuple[str, int], int] = {}
        for entry in own:
            what = (entry.sku, entry.unit_cents)
            quantities[what] = quantities.get(what, 0) + entry.quantity
        books.orders.append(
            RetailOrder(
                number=number,
                customer=reference(first.customer),
                country=first.country,
                placed=min(entry.at for entry in own),
                lines=[RetailLine(sku, cents, quantities[sku, cents]) for sku, cents in sorted(quantities)],
            )
        )
        kept += own
    books.rejected += Counter()
    books.sold = len(kept)
    return kept


def _products(entries: Sequence[Entry]) -> list[RetailProduct]:
    if not entries:
        return []
    since = max(entry.at for entry in entries) - STOCK_WINDOW
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    recent: Counter[str] = Counter()
    first: dict[str, datetime] = {}
    latest: dict[str, Entry] = {}
    for entry in entries:
        sku = entry.sku
        names[sku][entry.description] += 1
        if entry.at > since:
            recent[sku] += entry.quantity
        if sku not in latest or entry.at >= latest[sku].at:
            latest[sku] = entry
        if sku not in first or entry.at < first[sku]:
            first[sku] = entry.at
    products = []
    for sku in sorted(latest):
        name = goods.best_name(names[sku], otherwise=sku)
        products.append(
            RetailProduct(
                sku=sku,
                name=name,
                category=shelves.shelf(name),
                unit_cents=latest[sku].unit_cents,
                stock=min(recent[sku], contract.STOCK_MAX),
                first=first[sku],
                last=latest[sku].at,
            )
        )
    return products


def _customers(entries: Sequence[Entry]) -> list[RetailCustomer]:
    found: dict[str, RetailCustomer] = {}
    latest: dict[str, datetime] = {}
    for entry in entries:
        ref = reference(entry.customer)
        known = found.get(ref)
        if known is None:
            country = "" if entry.customer is None else entry.country
            found[ref] = RetailCustomer(ref, entry.customer or "", country, entry.at)
            latest[ref] = entry.at
            continue
        known.first = min(known.first, entry.at)
        if entry.customer is not None and entry.at >= latest[ref]:
            known.country, latest[ref] = entry.country, entry.at
    return [found[ref] for ref in sorted(found)]


def _match(books: Books, returns: Sequence[Entry]) -> None:
    """Find the order line that each return belongs to, earliest return first.

    It is a line of the same customer and product, bought before, with enough of it still out. Of several: one with
    exactly as many, then one at the same price, then the latest.
    """
    bought: defaultdict[tuple[str, str], list[tuple[RetailOrder, int]]] = defaultdict(list)
    for order in books.orders:
        for number, line in enumerate(order.lines, start=1):
            bought[order.customer, line.sku].append((order, number))
    found: dict[tuple[str, str, int], RetailReturn] = {}
    for entry in sorted(returns, key=lambda entry: (entry.at, entry.invoice)):
        if entry.customer is None:
            books.rejected[Reason.NO_CUSTOMER] += 1
            continue
        candidates = [
            (line.quantity - line.back == entry.quantity, line.unit_cents == entry.unit_cents, order.placed, order, n)
            for order, n in bought[reference(entry.customer), entry.sku]
            for line in (order.lines[n - 1],)
            if order.placed <= entry.at and line.quantity - line.back >= entry.quantity
        ]
        if not candidates:
            books.rejected[Reason.NO_ORIGINAL] += 1
            continue
        *_, order, number = max(candidates, key=lambda candidate: (*candidate[:3], candidate[3].number))
        order.lines[number - 1].back += entry.quantity
        if all(line.back == line.quantity for line in order.lines):
            order.refunded = entry.at
        books.returned += 1
        known = found.get((entry.invoice, order.number, number))
        if known is None:
            found[entry.invoice, order.number, number] = RetailReturn(
                entry.invoice, order.number, number, entry.quantity, entry.at
            )
        else:
            known.quantity += entry.quantity
    books.returns = list(found.values())
