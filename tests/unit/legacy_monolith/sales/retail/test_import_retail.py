"""`import_retail`: small files through the real command, into the real database."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from legacy_monolith.catalogue.models import Category, Product
from legacy_monolith.sales import orders
from legacy_monolith.sales.models import Customer, Order, Return, Status, StatusChange
from legacy_monolith.sales.retail import store
from legacy_monolith.sales.retail.invoices import Reason
from legacy_monolith.sales.retail.source import COLUMNS, Source, SourceError

pytestmark = pytest.mark.django_db

UK = "United Kingdom"
LINES: Sequence[Sequence[str]] = (
    # Two orders, one with a product twice at two prices, one of a guest.
    ("536365", "85123A", "WHITE HANGING HEART T-LIGHT HOLDER", "6", "2010-12-01 08:26:00", "2.55", "17850.0", UK),
    ("536365", "85123a", "WHITE HANGING HEART T-LIGHT HOLDER", "2", "2010-12-01 08:26:00", "2.55", "17850.0", UK),
    ("536365", "71053", "WHITE METAL LANTERN", "6", "2010-12-01 08:26:00", "3.39", "17850.0", UK),
    ("536365", "71053", "WHITE METAL LANTERN", "1", "2010-12-01 08:26:00", "3.00", "17850.0", UK),
    ("536370", "22728", "ALARM CLOCK BAKELIKE PINK", "24", "2010-12-01 08:45:00", "3.75", "", "France"),
    ("536371", "22086", "PAPER CHAIN KIT 50'S CHRISTMAS", "80", "2010-12-20 09:00:00", "2.55", "13748.0", UK),
    # One comes back entirely, of another a part.
    ("C536379", "22086", "PAPER CHAIN KIT 50'S CHRISTMAS", "-80", "2010-12-21 09:41:00", "2.55", "13748.0", UK),
    ("C536380", "71053", "WHITE METAL LANTERN", "-4", "2010-12-21 09:41:00", "3.39", "17850.0", UK),
    # One line for each reason.
    ("1", "22086", "X", "1", "2010-12-01 09:00:00", "1.00", "13748", UK),
    ("536372", "POST", "POSTAGE", "1", "2010-12-01 09:00:00", "18.00", "13748", UK),
    ("536372", "22086", "X", "many", "2010-12-01 09:00:00", "1.00", "13748", UK),
    ("536372", "22086", "X", "0", "2010-12-01 09:00:00", "1.00", "13748", UK),
    ("536372", "22086", "X", "1000001", "2010-12-01 09:00:00", "1.00", "13748", UK),
    ("536372", "22086", "damaged", "-1", "2010-12-01 09:00:00", "0.0", "", UK),
    ("C536373", "22086", "X", "1", "2010-12-01 09:00:00", "1.00", "13748", UK),
    ("536372", "22086", "X", "1", "soon", "1.00", "13748", UK),
    ("536372", "22086", "X", "1", "2010-12-01 09:00:00", "dear", "13748", UK),
    ("536372", "22086", "X", "1", "2010-12-01 09:00:00", "0", "13748", UK),
    ("536372", "22086", "X", "1", "2010-12-01 09:00:00", "-1", "13748", UK),
    ("536372", "22086", "X", "1", "2010-12-01 09:00:00", "0.001", "13748", UK),
    ("536372", "22086", "X", "1", "2010-12-01 09:00:00", "100000", "13748", UK),
    ("536372", "22086", "X", "1", "2010-12-01 09:00:00", "1.00", "A1", UK),
    ("536371", "22086", "X", "1", "2010-12-20 09:00:00", "2.55", "99999", UK),
    ("C536374", "22728", "ALARM CLOCK BAKELIKE PINK", "-1", "2010-12-22 09:00:00", "3.75", "", "France"),
    ("C536375", "22086", "X", "-999", "2010-12-22 09:00:00", "1.00", "13748", UK),
    ("536372", "22086"),
)


def table(lines: Sequence[Sequence[str]] = LINES, header: Sequence[str] = COLUMNS) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *lines])
    return text.getvalue().encode()


def workbook(lines: Sequence[Sequence[str]] = LINES) -> bytes:
    """Return the lines as a workbook with numbers and dates where the published one has them."""

    def cell(column: int, value: str) -> Any:
        try:
            if column == 4:
                return datetime.fromisoformat(value)
            return float(value) if column in {3, 5, 6} else int(value)
        except ValueError:
            return value or None

    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(COLUMNS)
    for line in lines:
        sheet.append([cell(column, value) for column, value in enumerate(line)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.fixture
def load(tmp_path: Path) -> Callable[[bytes], str]:
    def run(content: bytes) -> str:
        file = tmp_path / "retail"
        file.write_bytes(content)
        out = io.StringIO()
        call_command("import_retail", str(file), stdout=out)
        return out.getvalue()

    return run


def counted(report: str) -> dict[str, list[str]]:
    """Return the numbers of each of the report's rows."""
    rows = [line.rsplit("  ", maxsplit=1) for line in report.splitlines() if "  " in line.strip()]
    return {row[0].split("   ")[0].strip(): " ".join(row).split()[-2:] for row in rows}


def check_the_shop() -> None:
    lamp = Product.objects.get(code="85123A")
    assert (lamp.title, lamp.price_cents, lamp.qty) == ("White hanging heart T-light holder", 255, 8)
    assert Product.objects.get(code="22086").qty == 80
    assert set(Category.objects.values_list("slug", flat=True)) == {"candles-lights", "home-decor", "seasonal"}
    assert set(Customer.objects.values_list("ref", "legacy_no", "country")) == {
        ("retail-17850", "17850", UK),
        ("retail-13748", "13748", UK),
        ("retail-guest", "", ""),
    }
    shown = orders.present(orders.get(order_no="536365", customer="retail-17850"))
    assert shown["status"] == "delivered"
    assert shown["total"] == {"amount": "43.74", "currency": "GBP"}
    assert [(line["sku"], line["quantity"], line["unit_price"]["amount"]) for line in shown["lines"]] == [
        ("71053", 1, "3.00"),
        ("71053", 6, "3.39"),
        ("85123A", 8, "2.55"),
    ]
    assert [change["status"] for change in shown["history"]] == ["placed", "delivered"]
    assert shown["placed_at"] == "2010-12-01T08:26:00.000000Z"
    guest = orders.present(orders.get(order_no="536370", customer="retail-guest"))
    assert guest["ship_to"]["country"] == "France" and all(guest["ship_to"].values())
    refunded = orders.present(orders.get(order_no="536371", customer=None))
    assert [change["status"] for change in refunded["history"]] == ["placed", "delivered", "refunded"]
    assert refunded["history"][-1]["at"] == "2010-12-21T09:41:00.000000Z"
    assert set(Return.objects.values_list("return_no", "line__code", "qty")) == {
        ("C536379", "22086", 80),
        ("C536380", "71053", 4),
    }
    assert all(order.stock_settled for order in Order.objects.all())


@pytest.mark.parametrize("pack", [table, lambda: gzip.compress(table()), workbook])
def test_it_loads_every_form_of_the_file_and_a_second_time_changes_nothing(
    load: Callable[[bytes], str], pack: Callable[[], bytes]
) -> None:
    report = load(pack())
    check_the_shop()
    for number, label in ((4, "products"), (3, "customers"), (3, "orders"), (2, "returns, by order line")):
        assert counted(report)[label] == [str(number), str(number)]
    again = load(pack())
    for number, label in ((4, "products"), (3, "customers"), (3, "orders"), (2, "returns, by order line")):
        assert counted(again)[label] == [str(number), "0"]
    check_the_shop()


def test_every_rejected_line_is_reported_with_its_reason_and_all_lines_add_up(load: Callable[[bytes], str]) -> None:
    report = load(table())
    numbers = [
        (label, int(count))
        for label, count in (
            line.rsplit(maxsplit=1) for line in report.splitlines() if line.rstrip()[-1:].isdigit() and "  " in line
        )
    ]
    found = {label.strip(): count for label, count in numbers}
    for reason in Reason:
        assert found[f"rejected: {reason.value}"] == 1, reason
    accounted = Counter({label: count for label, count in found.items() if label.startswith(("rej", "sold", "came"))})
    assert accounted.total() == found["lines in the file"] == len(LINES)


def test_a_run_that_died_halfway_is_completed_by_the_next(
    load: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, done = store._orders, list[int]()

    def dies(*arguments: Any) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(1)
        whole(*arguments)

    monkeypatch.setattr(store, "_BATCH", 1)
    monkeypatch.setattr(store, "_orders", dies)
    with pytest.raises(KeyboardInterrupt):
        load(table())
    assert Order.objects.count() == 1
    monkeypatch.setattr(store, "_orders", whole)
    load(table())
    check_the_shop()


def test_what_is_there_already_stays_as_it_is(load: Callable[[bytes], str], shop: object) -> None:
    Product.objects.create(code="85123A", title="Ours", price_cents=1, qty=1)
    load(table())
    assert Product.objects.get(code="85123A").title == "Ours"
    assert Product.objects.filter(code="LAMP").exists()


def test_a_later_file_that_knows_more_refunds_what_had_been_delivered(load: Callable[[bytes], str]) -> None:
    load(table(LINES[:6]))
    assert Order.objects.get(order_no="536371").status == Status.DELIVERED
    load(table())
    check_the_shop()
    assert StatusChange.objects.filter(status=Status.REFUNDED).count() == 1


def test_columns_may_come_in_another_order_and_by_the_names_of_the_second_edition(load: Callable[[bytes], str]) -> None:
    names = ("Country", "Customer ID", "Price", "InvoiceDate", "Quantity", "Description", "StockCode", "Invoice")
    load(table([line[::-1] for line in LINES[:8]], names))
    check_the_shop()


def test_a_file_that_was_saved_on_windows_keeps_its_letters(load: Callable[[bytes], str]) -> None:
    line = ("536365", "22222", "CAFÉ SIGN £", "1", "12/1/2010 8:26", "1.00", "17850", UK)
    load(table([line]).decode().encode("cp1252"))
    assert Product.objects.get().title == "Café sign £"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (table(header=[*COLUMNS[:5], "Other", "CustomerID", "Land"]), "no column UnitPrice, Country"),
        (gzip.compress(table())[:-20], "gzip file is damaged"),
        (b"\x1f\x8b" + b"x" * 50, "gzip file is damaged"),
        (workbook()[:-400], "not a workbook"),
        (b"PK\x03\x04" + b"x" * 50, "not a workbook"),
        (b'InvoiceNo,"' + b"x" * 200_000, "not a CSV file"),
        (b"\x00\x01\x02", "no column InvoiceNo"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line_and_leaves_nothing(
    load: Callable[[bytes], str], content: bytes, why: str
) -> None:
    with pytest.raises(CommandError, match=why) as caught:
        load(content)
    assert "\n" not in str(caught.value)
    assert not Product.objects.exists()


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(CommandError, match=str(path)):
            call_command("import_retail", str(path))


def test_a_header_alone_is_a_file_without_lines(load: Callable[[bytes], str]) -> None:
    assert counted(load(table([])))["orders"] == ["0", "0"]


def test_a_source_says_how_far_it_is(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(table())
    source = Source(file)
    assert source.done == 0
    assert sum(1 for _ in source.rows()) == len(LINES)
    assert source.done == 1
    with pytest.raises(SourceError):
        Source(tmp_path / "other")


def test_moments_are_taken_for_utc(load: Callable[[bytes], str]) -> None:
    load(table())
    assert Order.objects.get(order_no="536365").placed == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
