"""legacy_monolith.catalogue.seed"""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from legacy_monolith.catalogue.models import Category, Product

pytestmark = pytest.mark.django_db

SLUGS = {
    "audio", "keyboards-mice", "lighting", "power-cables", "desk-stands", "bags-cases", "smart-home", "wearables",
}  # fmt: skip


def seed(*options: str) -> str:
    out = StringIO()
    call_command("seed", *options, stdout=out)
    return out.getvalue()


def test_it_loads_a_shop_worth_looking_at() -> None:
    assert seed() == "56 products added.\n"
    assert set(Category.objects.values_list("slug", flat=True)) == SLUGS
    stocks = list(Product.objects.values_list("qty", flat=True))
    assert 0 in stocks and any(1 <= stock <= 5 for stock in stocks) and max(stocks) > 100
    assert all(20 <= len(descr) <= 2000 for descr in Product.objects.values_list("descr", flat=True))
    assert Product.objects.values("created").distinct().count() == 56


def test_it_adds_nothing_twice_and_leaves_what_was_changed() -> None:
    seed()
    Product.objects.filter(code="AUD-1001").update(qty=1, active=False)
    Product.objects.filter(code="AUD-1002").delete()
    assert seed() == "1 products added.\n"
    assert not Product.objects.get(code="AUD-1001").active


def test_if_empty_it_does_nothing_to_a_shop_that_has_a_product(shop: object) -> None:
    assert seed("--if-empty") == "The shop has products; nothing to do.\n"
    assert Product.objects.count() == 3
