"""legacy_monolith.sales.retail.invoices"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_monolith.sales.retail import invoices
from legacy_monolith.sales.retail.invoices import Entry, Reason

SALE = ["536365", "85123A", "WHITE LANTERN", "6", "2010-12-01 08:26:00", "2.55", "17850.0", "United Kingdom"]


def line(**cells: str) -> list[str]:
    names = ("number", "code", "description", "quantity", "date", "price", "customer", "country")
    return [cells.get(name, value) for name, value in zip(names, SALE, strict=True)]


def test_a_sale_says_who_bought_what() -> None:
    assert invoices.read(SALE) == Entry(
        invoice="536365",
        returned=False,
        sku="85123A",
        description="WHITE LANTERN",
        quantity=6,
        at=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
        unit_cents=255,
        customer="17850",
        country="United Kingdom",
    )


def test_a_cancellation_is_a_return_of_so_many() -> None:
    entry = invoices.read(line(number="c536379", quantity="-2"))
    assert isinstance(entry, Entry)
    assert (entry.invoice, entry.returned, entry.quantity) == ("C536379", True, 2)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"number": "1"}, Reason.INVOICE),
        ({"number": "536 365"}, Reason.INVOICE),
        ({"code": "POST", "price": "x"}, Reason.NOT_A_PRODUCT),
        ({"quantity": "six"}, Reason.QUANTITY),
        ({"quantity": "1.5"}, Reason.QUANTITY),
        ({"quantity": ""}, Reason.QUANTITY),
        ({"quantity": "0"}, Reason.NO_QUANTITY),
        ({"quantity": "1000001"}, Reason.TOO_MANY),
        ({"quantity": "-6"}, Reason.ADJUSTMENT),
        ({"number": "C536365", "quantity": "6"}, Reason.NOT_NEGATIVE),
        ({"date": "yesterday"}, Reason.DATE),
        ({"date": "2010-13-01 08:26:00"}, Reason.DATE),
        ({"date": "13/13/2010 8:26"}, Reason.DATE),
        ({"price": "free"}, Reason.PRICE),
        ({"price": "nan"}, Reason.PRICE),
        ({"price": "0.0"}, Reason.FREE),
        ({"price": "-0.00"}, Reason.FREE),
        ({"price": "-11062.06"}, Reason.NEGATIVE_PRICE),
        ({"price": "0.001"}, Reason.SUB_PENNY),
        ({"price": "100000"}, Reason.TOO_DEAR),
        ({"customer": "abc"}, Reason.CUSTOMER),
    ],
)
def test_a_line_that_cannot_be_used_says_why(cells: dict[str, str], reason: Reason) -> None:
    assert invoices.read(line(**cells)) == reason


def test_a_line_with_too_few_cells_says_so() -> None:
    assert invoices.read(None) == Reason.COLUMNS


@pytest.mark.parametrize(
    "date", ["2010-12-01 08:26:00", "2010-12-01T08:26:00", "12/1/2010 8:26", "2010-12-01 08:26:00Z"]
)
def test_dates_are_read_as_the_files_in_circulation_have_them(date: str) -> None:
    entry = invoices.read(line(date=date))
    assert isinstance(entry, Entry)
    assert entry.at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


@pytest.mark.parametrize(("price", "cents"), [("2.55", 255), ("2.5", 250), ("2", 200), ("2.550", 255), ("0.01", 1)])
def test_prices_are_exact(price: str, cents: int) -> None:
    entry = invoices.read(line(price=price))
    assert isinstance(entry, Entry)
    assert entry.unit_cents == cents


@pytest.mark.parametrize("customer", ["17850", "17850.0", " 17850 "])
def test_a_customers_number_may_have_become_a_decimal(customer: str) -> None:
    entry = invoices.read(line(customer=customer))
    assert isinstance(entry, Entry)
    assert entry.customer == "17850"


def test_a_missing_country_is_unspecified() -> None:
    entry = invoices.read(line(country=" \x00 ", customer=""))
    assert isinstance(entry, Entry)
    assert (entry.country, entry.customer) == ("Unspecified", None)


@given(st.lists(st.text(), min_size=8, max_size=8))
def test_any_cells_make_an_entry_or_a_reason(cells: list[str]) -> None:
    assert isinstance(invoices.read(cells), Entry | Reason)
