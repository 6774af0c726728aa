"""One side's word for another's, as SQL."""

from __future__ import annotations

from collections.abc import Mapping


def translated_sql(column: str, words: Mapping[str, str]) -> str:
    """Return the expression of the word that a column's stands for; null for one that is not among them."""
    cases = " ".join(f"WHEN '{one}' THEN '{its}'" for one, its in words.items())
    return f"CASE {column} {cases} END"
