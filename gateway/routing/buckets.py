"""The unit of everything that is partial: 1,024 buckets, and which of them somebody falls into. Pure.

In the first N buckets means in (`bucket < N`). So raising N never moves anyone out, and lowering it sends out those
first who came in last.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Final

BUCKETS: Final = 1024

_CENT: Final = Decimal("0.01")


def bucket(*, salt: str, key: str) -> int:
    """Return the bucket, 0..1023, of a key: the top ten bits of the SHA-256 of `salt:key` in UTF-8.

    A database can say the same: `(get_byte(h, 0) << 2) | (get_byte(h, 1) >> 6)` of `sha256(convert_to(…, 'UTF8'))`.
    """
    digest = sha256(f"{salt}:{key}".encode()).digest()
    return digest[0] << 2 | digest[1] >> 6


def buckets_of(percent: Decimal | float) -> int:
    """Return the number of buckets nearest to a percentage; ValueError unless it is 0..100.

    Something is never rounded to nothing, nor less than all to all.
    """
    exact = Decimal(str(percent))
    if not 0 <= exact <= 100:
        raise ValueError(f"{percent} is no percentage")
    if exact in {0, 100}:
        return int(exact) * BUCKETS // 100
    nearest = int((exact * BUCKETS / 100).to_integral_value(ROUND_HALF_UP))
    return min(max(nearest, 1), BUCKETS - 1)


def percent_of(buckets: int) -> Decimal:
    """Return the percentage, to two places and without trailing zeros, that `buckets_of` turns back into the number."""
    percent = (Decimal(buckets) * 100 / BUCKETS).quantize(_CENT, ROUND_HALF_UP).normalize()
    return percent.quantize(Decimal(1)) if percent == percent.to_integral_value() else percent
