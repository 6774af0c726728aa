"""The small catalogue that comes with the project."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from legacy_monolith.catalogue.models import Category, Product
from services.chassis import contract

_FILE: Final = Path(__file__).parent / "shop.toml"
_OPENED: Final = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)


@transaction.atomic
def load() -> int:
    """Add the products that are not there yet, and return how many. What is there stays as it is."""
    shelves: list[dict[str, Any]] = tomllib.loads(_FILE.read_text())["category"]
    Category.objects.bulk_create(
        (Category(slug=shelf["slug"], name=shelf["name"]) for shelf in shelves), ignore_conflicts=True
    )
    categories = {category.slug: category for category in Category.objects.all()}
    articles = [(categories[shelf["slug"]], article) for shelf in shelves for article in shelf["products"]]
    before = Product.objects.count()
    Product.objects.bulk_create(
        (
            Product(
                code=article["sku"],
                title=article["name"],
                descr=article["description"],
                price_cents=contract.cents(Decimal(article["price"])),
                qty=article["stock"],
                category=category,
                # A product a day: "newest" has something to say.
                created=_OPENED + timedelta(days=day),
                modified=_OPENED + timedelta(days=day),
            )
            for day, (category, article) in enumerate(articles)
        ),
        ignore_conflicts=True,
    )
    return Product.objects.count() - before


def is_empty() -> bool:
    """Return whether the shop has no product at all."""
    return not Product.objects.exists()
