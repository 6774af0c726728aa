"""How every transaction begins that puts rows in at the side that does not own them: the relay's, a backfill's, a
repair's. SQL expressions, so that each can be part of a statement that its transaction begins with anyway.
"""

from __future__ import annotations

from typing import Final

APPLYING: Final = "set_config('techcommerce.applying', 'on', true)"
"""What comes from the owner is not refused here, and goes back to nobody; see `services.ownership.triggers`."""
ALONE: Final = "pg_advisory_xact_lock(hashtextextended('techcommerce.apply.' || %(capability)s, 0))"
"""One of them at a time: whoever else puts rows of the capability in does so before or after."""
