"""What the mover raises.

Refused               what was asked for cannot be done as things are; nothing was changed
"""

from __future__ import annotations


class Refused(Exception):
    """What was asked for cannot be done as things are; nothing was changed. One line for people."""
