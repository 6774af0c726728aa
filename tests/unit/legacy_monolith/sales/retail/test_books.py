"""legacy_monolith.sales.retail.books"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from legacy_monolith.sales.retail.books import GUEST, Books, keep
from legacy_monolith.sales.retail.invoices import Entry, Reason

DAY = datetime(2011, 1, 1, 12, tzinfo=UTC)


def entry(
    invoice: str = "500001",
    sku: str = "A1",
    quantity: int = 1,
    *,
    days: float = 0,
    cents: int = 100,
    customer: str | None = "1",
    country: str = "France",
    name: str = "RED MUG",
) -> Entry:
    at = DAY + timedelta(days=days)
    return Entry(invoice, invoice.startswith("C"), sku, name, quantity, at, cents, customer, country)


ENTRIES = st.lists(
    st.builds(
        entry,
        st.sampled_from(["500001", "500002", "500003", "C500004", "C500005"]),
        st.sampled_from(["A1", "A2", "A3"]),
        st.integers(1, 5),
        days=st.integers(0, 60),
        cents=st.integers(1, 3),
        customer=st.sampled_from(["1", "2", None]),
    )
    | st.sampled_from(list(Reason)),
    max_size=40,
)


@given(ENTRIES)
def test_every_line_is_accounted_for_exactly_once(lines: list[Entry | Reason]) -> None:
    books = keep(lines)
    assert books.read == len(lines) == books.sold + books.returned + books.rejected.total()


@given(ENTRIES)
def test_the_orders_add_up_to_the_lines_to_the_penny(lines: list[Entry | Reason]) -> None:
    books = keep(lines)
    sold: dict[str, int] = {}
    first: dict[str, str | None] = {}
    for line in lines:
        if isinstance(line, Reason) or line.returned:
            continue
        if line.customer == first.setdefault(line.invoice, line.customer):
            sold[line.invoice] = sold.get(line.invoice, 0) + line.quantity * line.unit_cents
    assert {order.number: order.total_cents for order in books.orders} == sold


@given(ENTRIES)
def test_no_more_comes_back_than_was_bought_and_nothing_before_it(lines: list[Entry | Reason]) -> None:
    books = keep(lines)
    orders = {order.number: order for order in books.orders}
    back: dict[tuple[str, int], int] = {}
    for one in books.returns:
        order = orders[one.order]
        assert order.placed <= one.at
        back[one.order, one.line] = back.get((one.order, one.line), 0) + one.quantity
    for order in books.orders:
        for number, line in enumerate(order.lines, start=1):
            assert back.get((order.number, number), 0) == line.back <= line.quantity
        assert (order.refunded is not None) == all(line.back == line.quantity for line in order.lines)


@given(ENTRIES)
def test_the_same_lines_make_the_same_books(lines: list[Entry | Reason]) -> None:
    assert keep(lines) == keep(lines)


def only(books: Books) -> list[tuple[str, int, int]]:
    (order,) = books.orders
    return [(line.sku, line.unit_cents, line.quantity) for line in order.lines]


def test_a_product_twice_in_an_invoice_is_one_line_when_the_price_is_one() -> None:
    assert only(keep([entry(quantity=2), entry(quantity=3)])) == [("A1", 100, 5)]


def test_a_product_at_two_prices_stays_two_lines() -> None:
    assert only(keep([entry(quantity=2, cents=90), entry(quantity=3)])) == [("A1", 90, 2), ("A1", 100, 3)]


def test_lines_are_in_sku_order_and_the_order_is_as_old_as_its_first_line() -> None:
    books = keep([entry(sku="B", days=1), entry(sku="A", days=0)])
    assert [sku for sku, *_ in only(books)] == ["A", "B"]
    assert books.orders[0].placed == DAY


def test_an_invoice_of_two_customers_keeps_the_first() -> None:
    books = keep([entry(), entry(customer="2"), entry(customer=None)])
    assert books.rejected == {Reason.OTHER_CUSTOMER: 2}
    assert books.orders[0].customer == "retail-1"


def test_who_has_no_number_is_the_guest() -> None:
    books = keep([entry(customer=None)])
    assert [customer.ref for customer in books.customers] == [GUEST]
    assert books.guest_orders == 1


def test_a_customer_lives_where_the_last_invoice_went() -> None:
    books = keep([entry("500002", days=1, country="Spain"), entry(days=0, country="France")])
    assert [(c.ref, c.number, c.country, c.first) for c in books.customers] == [("retail-1", "1", "Spain", DAY)]


def test_a_product_has_its_latest_price_and_the_sales_of_the_last_month_as_stock() -> None:
    (product,) = keep(
        [
            entry("500001", quantity=7, days=0, cents=300),
            entry("500003", quantity=2, days=60, cents=200),
            entry("500002", quantity=5, days=31, cents=100),
        ]
    ).products
    assert (product.unit_cents, product.stock) == (200, 7)
    assert (product.first, product.last) == (DAY, DAY + timedelta(days=60))
    assert (product.name, product.category) == ("Red mug", "kitchen-dining")


def test_a_whole_order_that_came_back_is_refunded() -> None:
    books = keep([entry(quantity=2), entry(sku="A2"), entry("C1", quantity=2, days=1), entry("C2", "A2", days=3)])
    assert books.orders[0].refunded == DAY + timedelta(days=3)
    assert [(r.number, r.order, r.line, r.quantity) for r in books.returns] == [
        ("C1", "500001", 1, 2),
        ("C2", "500001", 2, 1),
    ]


def test_a_part_that_came_back_is_a_return_of_an_order_that_stays() -> None:
    books = keep([entry(quantity=5), entry("C1", quantity=2, days=1)])
    assert books.orders[0].refunded is None
    assert books.returns[0].quantity == 2


def test_several_lines_of_one_cancellation_are_one_return() -> None:
    books = keep([entry(quantity=5), entry("C1", quantity=2, days=1), entry("C1", quantity=1, days=1)])
    assert (books.returned, [one.quantity for one in books.returns]) == (2, [3])


def test_a_return_belongs_to_the_order_with_exactly_as_many_then_the_same_price_then_the_latest() -> None:
    def order_of(*sales: Entry) -> str:
        return keep([*sales, entry("C1", quantity=2, days=9)]).returns[0].order

    assert order_of(entry("500001", quantity=2), entry("500002", quantity=3, days=1)) == "500001"
    assert order_of(entry("500001", quantity=3), entry("500002", quantity=3, days=1, cents=90)) == "500001"
    assert order_of(entry("500001", quantity=3), entry("500002", quantity=3, days=1)) == "500002"


def test_a_cancellation_without_an_original_is_rejected() -> None:
    books = keep(
        [
            entry(quantity=2, days=5),
            entry("C1", quantity=2, days=4),
            entry("C2", quantity=3, days=6),
            entry("C3", "A2", days=6),
            entry("C4", customer="2", days=6),
            entry("C5", customer=None, days=6),
        ]
    )
    assert books.rejected == {Reason.NO_ORIGINAL: 4, Reason.NO_CUSTOMER: 1}
    assert not books.returns
