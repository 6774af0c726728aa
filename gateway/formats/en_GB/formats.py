"""What differs from Django's own formats."""

from __future__ import annotations

from typing import Final

DATETIME_FORMAT: Final = "j M Y, H:i"
TIME_FORMAT: Final = "H:i"
