"""What is a product in the file, and what it is called. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from services.chassis import contract

# Postage, fees, discounts, samples, corrections: booked like goods, but nothing that is on a shelf.
_BOOKKEEPING: Final = frozenset(
    {
        "ADJUST",
        "ADJUST2",
        "AMAZONFEE",
        "B",
        "BANK CHARGES",
        "C2",
        "C3",
        "CRUK",
        "D",
        "DOT",
        "GIFT",
        "M",
        "PADS",
        "POST",
        "S",
        "SP1002",
    }
)
_VOUCHERS_AND_TESTS: Final = re.compile(r"GIFT_.*|TEST[0-9]+", re.ASCII)
# As people write them, where everything else of a name in capitals becomes small.
_SPELLING: Final = {
    word.upper(): word
    for word in ("T-light", "T-lights", "LED", "USB", "CD", "DVD", "UK", "I", "A4", "A5", "A6", "3D", "London", "Paris")
}
_UNCLEAN: Final = re.compile(r"[^\w£&%'(),./+\- ]+")


@lru_cache(maxsize=16_384)
def sku(code: str, description: str) -> str | None:
    """Return the sku of a stock code, None for what is no product."""
    found = code.strip().upper()
    if "gift voucher" in description.lower():
        return None
    if found in _BOOKKEEPING or _VOUCHERS_AND_TESTS.fullmatch(found) or not contract.SKU.fullmatch(found):
        return None
    return found


def best_name(descriptions: Mapping[str, int], *, otherwise: str) -> str:
    """Return the clean description that was used most often; of several, the first in the alphabet."""
    counts: dict[str, int] = {}
    for description, count in descriptions.items():
        name = clean(description)
        if name:
            counts[name] = counts.get(name, 0) + count
    return min(counts, key=lambda name: (-counts[name], name), default=otherwise)


@lru_cache(maxsize=16_384)
def clean(description: str) -> str:
    """Return a description as a product's name: tidied, in sentence case; empty for what is a note to oneself.

    The file's names are all in capitals. What is all in small letters was typed by somebody who counted stock.
    """
    text = " ".join(_UNCLEAN.sub(" ", description).split()).strip(" .,-/")
    if not any(char.isalpha() for char in text) or text == text.lower():
        return ""
    words = [_SPELLING.get(word, word.lower() if word.isupper() else word) for word in text.split(" ")]
    first = words[0]
    return " ".join([first[:1].upper() + first[1:], *words[1:]])[: contract.NAME_MAX].rstrip()
