"""services.sync.canonical: what is compared, and in how many parts. That both sides say the same is tests/sync's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync import canonical
from services.sync.mapping.capabilities import CAPABILITIES, Pair, Side

PAIRS = [pytest.param(pair, id=pair.aggregate) for capability in CAPABILITIES.values() for pair in capability.pairs]


@pytest.mark.parametrize("pair", PAIRS)
def test_compares_everything_that_both_sides_know(pair: Pair) -> None:
    compared = {field.name for field in canonical.fields(pair)}
    own = {column.name for column in pair.service.table.columns if column.own}
    written = {column.name for column in pair.service.table.staged()} - own
    assert compared ^ written <= {"deleted_at", "deleted"}
    assert set(pair.service.table.key) <= compared
    assert "id" not in compared


def test_leaves_out_what_one_side_cannot_say() -> None:
    names = {
        pair.aggregate: [f.name for f in canonical.fields(pair)] for c in CAPABILITIES.values() for pair in c.pairs
    }
    assert "deleted" in names["product"] and "deleted_at" not in names["product"]
    assert "attempt" not in names["idempotency_key"]


@pytest.mark.parametrize("side", ["monolith", "service"])
@pytest.mark.parametrize("pair", PAIRS)
def test_hashes_the_same_fields_in_the_same_order_at_both_sides(pair: Pair, side: Side) -> None:
    fields = ", ".join(f'"r"."{field.name}"' for field in canonical.fields(pair))
    assert f"hash_record_extended(ROW({fields}), 0)" in canonical.digesting(pair, side, parts=16).as_string()


@given(st.integers(0, 10**12))
def test_divides_rows_into_a_power_of_two_of_parts(rows: int) -> None:
    parts = canonical.parts(rows)
    assert parts & (parts - 1) == 0
    assert 16 <= parts <= 2048
    assert parts == 2048 or rows // 1024 <= parts


def test_names_the_columns_that_differ() -> None:
    pair = CAPABILITIES["products"].pairs[0]
    here = {"slug": "a", "name": "A"}
    assert canonical.columns_apart(pair, here, here | {"name": "B"}) == ["name"]
    assert canonical.columns_apart(pair, here, here) == []
