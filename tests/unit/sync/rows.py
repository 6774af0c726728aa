"""Rows of either side as hypothesis draws them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from hypothesis import strategies as st

# hypothesis wants the bounds without a zone.
FIRST, LAST = datetime(2000, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001
MOMENTS: Final = st.datetimes(min_value=FIRST, max_value=LAST, timezones=st.just(UTC))
KEYS: Final = st.integers(1, 2**53)
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)
SKUS: Final = st.from_regex(r"[A-Z0-9][A-Z0-9._-]{0,39}", fullmatch=True)
NUMBERS: Final = st.from_regex(r"[A-Z0-9][A-Z0-9-]{3,39}", fullmatch=True)
CENTS: Final = st.integers(1, 9_999_999)
PRICES: Final = st.decimals(min_value="0.01", max_value="99999.99", places=2)
QUANTITIES: Final = st.integers(1, 10_000)
