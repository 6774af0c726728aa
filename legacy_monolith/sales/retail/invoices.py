"""What one line of the file says, or why it cannot be used. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from legacy_monolith.sales.retail import goods
from services.chassis import contract


class Reason(StrEnum):
    """Why a line was rejected. The first that applies counts."""

    COLUMNS = "wrong number of columns"
    INVOICE = "invoice number unreadable"
    NOT_A_PRODUCT = "postage, fees, vouchers and the like: not a product"
    QUANTITY = "quantity unreadable"
    NO_QUANTITY = "quantity is zero"
    TOO_MANY = "quantity out of range"
    ADJUSTMENT = "negative quantity, but not a cancellation: stock correction"
    NOT_NEGATIVE = "cancellation of a positive quantity"
    DATE = "date unreadable"
    PRICE = "price unreadable"
    FREE = "price is zero"
    NEGATIVE_PRICE = "price is negative"
    SUB_PENNY = "price has fractions of a penny"
    TOO_DEAR = "price out of range"
    CUSTOMER = "customer number unreadable"
    OTHER_CUSTOMER = "invoice belongs to another customer"
    NO_CUSTOMER = "cancellation without a customer"
    NO_ORIGINAL = "cancellation without an order that it could belong to"


class Entry(NamedTuple):
    """A usable line: a sale, or (`returned`) the cancellation of one. The quantity is positive, the price in pence."""

    invoice: str
    returned: bool
    sku: str
    description: str
    quantity: int
    at: datetime
    unit_cents: int
    customer: str | None
    country: str


QUANTITY_MAX: Final = 1_000_000
_COUNTRY_MAX: Final = contract.SHIP_TO_MAX["country"]
_INTEGER: Final = re.compile(r"([+-]?[0-9]{1,12})(\.0+)?", re.ASCII)
_PRICE: Final = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,12}))?", re.ASCII)
_CUSTOMER: Final = re.compile(r"([0-9]{1,10})(\.0+)?", re.ASCII)
_AMERICAN: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})", re.ASCII)


def read(cells: Sequence[str] | None) -> Entry | Reason:
    """Return what a line's cells (in the order of the file's columns) say, or why it cannot be used."""
    if cells is None:
        return Reason.COLUMNS
    number, code, description, raw_quantity, raw_date, raw_price, raw_customer, country = cells
    invoice = number.strip().upper()
    # A workbook has numbers for numbers.
    invoice = invoice.removesuffix(".0")
    if not contract.ORDER_NUMBER.fullmatch(invoice):
        return Reason.INVOICE
    sku = goods.sku(code, description)
    if sku is None:
        return Reason.NOT_A_PRODUCT
    returned = invoice.startswith("C")
    quantity = _quantity(raw_quantity, returned=returned)
    if isinstance(quantity, Reason):
        return quantity
    at = _moment(raw_date)
    if at is None:
        return Reason.DATE
    unit_cents = _price(raw_price)
    if isinstance(unit_cents, Reason):
        return unit_cents
    customer = _customer(raw_customer)
    if isinstance(customer, Reason):
        return customer
    return Entry(invoice, returned, sku, description, quantity, at, unit_cents, customer, _country(country))


@lru_cache(maxsize=4096)
def _quantity(raw: str, *, returned: bool) -> int | Reason:
    match = _INTEGER.fullmatch(raw.strip())
    if match is None:
        return Reason.QUANTITY
    quantity = int(match[1])
    if quantity == 0:
        return Reason.NO_QUANTITY
    if abs(quantity) > QUANTITY_MAX:
        return Reason.TOO_MANY
    if returned and quantity > 0:
        return Reason.NOT_NEGATIVE
    if not returned and quantity < 0:
        return Reason.ADJUSTMENT
    return abs(quantity)


@lru_cache(maxsize=4096)
def _moment(raw: str) -> datetime | None:
    """Return the moment, None when it is unreadable. The file has no time zone; its clock is taken for UTC."""
    text = raw.strip()
    try:
        match = _AMERICAN.fullmatch(text)
        if match:
            month, day, year, hour, minute = map(int, match.groups())
            return datetime(year, month, day, hour, minute, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def _price(raw: str) -> int | Reason:
    match = _PRICE.fullmatch(raw.strip())
    if match is None:
        return Reason.PRICE
    sign, pounds, fraction = match[1], match[2], (match[3] or "").rstrip("0")
    if not int(pounds) and not fraction:
        return Reason.FREE
    if sign:
        return Reason.NEGATIVE_PRICE
    if len(fraction) > 2:
        return Reason.SUB_PENNY
    cents = int(pounds) * 100 + int(fraction.ljust(2, "0"))
    return Reason.TOO_DEAR if cents > contract.cents(contract.PRICE_MAX) else cents


@lru_cache(maxsize=16_384)
def _customer(raw: str) -> str | Reason | None:
    text = raw.strip()
    if not text:
        return None
    match = _CUSTOMER.fullmatch(text)
    return match[1] if match else Reason.CUSTOMER


@lru_cache(maxsize=256)
def _country(raw: str) -> str:
    text = " ".join("".join(char for char in raw if char.isprintable()).split())
    return text[:_COUNTRY_MAX].rstrip() or "Unspecified"
