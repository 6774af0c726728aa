"""legacy_monolith.sales.retail.goods and .shelves"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_monolith.sales.retail import goods, shelves
from services.chassis import contract


@pytest.mark.parametrize(
    "code",
    [
        "POST",
        "m",
        "D",
        "BANK CHARGES",
        "AMAZONFEE",
        "DOT",
        "CRUK",
        "S",
        "PADS",
        "C2",
        "B",
        "gift_0001_20",
        "",
        "TEST001",
    ],
)
def test_bookkeeping_is_no_product(code: str) -> None:
    assert goods.sku(code, "whatever") is None


def test_a_voucher_is_none_whatever_its_code() -> None:
    assert goods.sku("22016", "Dotcomgiftshop Gift Voucher £100.00") is None


@pytest.mark.parametrize(("code", "sku"), [("85123a", "85123A"), (" 22139 ", "22139"), ("DCGSSGIRL", "DCGSSGIRL")])
def test_a_stock_code_is_a_sku_in_capitals(code: str, sku: str) -> None:
    assert goods.sku(code, "GIRLS PARTY BAG") == sku


@given(st.text())
def test_what_it_calls_a_sku_is_one(code: str) -> None:
    found = goods.sku(code, "")
    assert found is None or contract.SKU.fullmatch(found)


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White hanging heart T-light holder"),
        ("  SET 7  BABUSHKA   NESTING BOXES ", "Set 7 babushka nesting boxes"),
        ("*USB OFFICE MIRROR BALL", "USB office mirror ball"),
        ("I LOVE LONDON BAG.", "I love London bag"),
        ("damaged", ""),
        ("?", ""),
        ("", ""),
        ("20713 wrongly marked", ""),
    ],
)
def test_a_description_becomes_a_name_and_a_note_becomes_none(description: str, name: str) -> None:
    assert goods.clean(description) == name


@given(st.text())
def test_a_name_can_be_kept_and_cleaning_it_again_changes_nothing_but_case(description: str) -> None:
    name = goods.clean(description)
    assert len(name) <= contract.NAME_MAX
    assert contract.storable(name)
    assert name == name.strip()


def test_the_name_that_was_used_most_often_wins() -> None:
    assert goods.best_name({"RED MUG": 2, "BLUE MUG": 3, "damages": 9}, otherwise="1") == "Blue mug"
    assert goods.best_name({"RED MUG": 1, "BLUE MUG": 1}, otherwise="1") == "Blue mug"
    assert goods.best_name({"red mug ": 1, "?": 4}, otherwise="22139") == "22139"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Jumbo bag red retrospot", "bags"),
        ("White hanging heart T-light holder", "candles-lights"),
        ("Regency cakestand 3 tier", "kitchen-dining"),
        ("Wood black board ant white finish", "everything-else"),
        ("Metal sign take it or leave it", "home-decor"),
        ("Paper craft, little birdie", "stationery-craft"),
        ("Bag 500g swirly marbles", "toys-games"),
        ("Christmas hanging star with bell", "seasonal"),
        ("Gardeners kneeling pad", "garden"),
        ("Pink necklace", "jewellery-accessories"),
        ("Set of 4 storage tins", "storage-tins"),
        ("", "everything-else"),
    ],
)
def test_a_product_stands_where_one_would_look_for_it(name: str, slug: str) -> None:
    assert shelves.shelf(name) == slug


@given(st.text())
def test_everything_has_a_shelf_with_a_name(name: str) -> None:
    assert shelves.shelf(name) in shelves.NAMES
    assert shelves.shelf(name) == shelves.shelf(name.upper()) or not name.isascii()
