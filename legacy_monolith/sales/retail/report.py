"""What an import did, as a table: everything that is new, and what became of every line of the file."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from legacy_monolith.sales.retail.books import STOCK_WINDOW, Books
from legacy_monolith.sales.retail.store import Added


def show(console: Console, *, books: Books, added: Added, seconds: float) -> None:
    """Print the report."""
    shop = Table(title="Imported", title_justify="left", title_style="bold", box=None, pad_edge=False)
    shop.add_column("")
    shop.add_column("in the file", justify="right")
    shop.add_column("new", justify="right", style="bold")
    for label, found, new in (
        ("products", len(books.products), added.products),
        ("customers", len(books.customers), added.customers),
        ("orders", len(books.orders), added.orders),
        ("  of customers without a number", books.guest_orders, None),
        ("  that came back entirely: refunded", books.refunded_orders, added.refunds),
        ("returns, by order line", len(books.returns), added.returns),
    ):
        shop.add_row(label, f"{found:,}", "" if new is None else f"{new:,}")
    lines = Table(title="Every line", title_justify="left", title_style="bold", box=None, pad_edge=False)
    lines.add_column("")
    lines.add_column("lines", justify="right")
    lines.add_row("sold, as lines of orders", f"{books.sold:,}")
    lines.add_row("came back, matched to their order", f"{books.returned:,}")
    for reason, count in sorted(books.rejected.items(), key=lambda item: (-item[1], item[0].value)):
        lines.add_row(f"rejected: {reason.value}", f"{count:,}", style="yellow")
    lines.add_section()
    lines.add_row("lines in the file", f"{books.read:,}", style="bold")
    console.print(shop)
    console.print()
    console.print(lines)
    console.print()
    console.print(
        f"The file says nothing of stock: each new product has what was sold of it in the last {STOCK_WINDOW.days} days"
        " of the file.",
        soft_wrap=True,
    )
    console.print(f"{seconds:.1f} s", highlight=False)
