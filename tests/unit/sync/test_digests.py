"""services.sync.digests."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from services.sync.digests import Digest, apart, batches, keys_apart, rows

HASHES = st.integers(-(2**63), 2**63 - 1)
ROWS = st.dictionaries(st.integers(0, 99).map(str), HASHES, max_size=30)
PARTS = 4


def _digests(side: dict[str, int]) -> dict[int, Digest]:
    parts: dict[int, list[int]] = {}
    for key, value in side.items():
        parts.setdefault(int(key) % PARTS, []).append(value)
    return {
        part: Digest(len(hashes), reduce(int.__xor__, hashes), Decimal(sum(hashes))) for part, hashes in parts.items()
    }


@given(ROWS, ROWS)
def test_every_row_that_differs_is_in_a_part_that_does(here: dict[str, int], there: dict[str, int]) -> None:
    chosen = apart(_digests(here), _digests(there))
    some = [{key: value for key, value in side.items() if int(key) % PARTS in chosen} for side in (here, there)]
    wanted = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    assert keys_apart(*some) == wanted == keys_apart(here, there)
    assert (chosen == []) == (here == there)


@given(HASHES, HASHES)
def test_pairs_that_xor_does_not_see_are_seen(one: int, another: int) -> None:
    here = {0: Digest(2, one ^ one, Decimal(2 * one))}
    there = {0: Digest(2, another ^ another, Decimal(2 * another))}
    assert here[0].xor == there[0].xor
    assert apart(here, there) == ([] if one == another else [0])


@given(st.lists(st.integers(1, 50), max_size=20), st.lists(st.integers(1, 50), max_size=20), st.integers(1, 100))
def test_batches_hold_every_part_once_and_no_more_rows_than_allowed(
    here: list[int], there: list[int], most: int
) -> None:
    sides = [{part: Digest(count, 0, Decimal(0)) for part, count in enumerate(side)} for side in (here, there)]
    parts = list(range(max(len(here), len(there))))
    cut = list(batches(parts, *sides, most=most))
    assert [part for batch in cut for part in batch] == parts
    for batch in cut:
        for side in sides:
            assert len(batch) == 1 or sum(side[part].rows for part in batch if part in side) <= most
    assert [rows(side) for side in sides] == [sum(here), sum(there)]
