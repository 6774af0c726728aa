"""What goes wrong on a developer's machine and is not a bug: said in one line, without a traceback.

LocalError
├── PostgresError   (postgres.py)
├── PortError       (ports.py)
├── StackError      (stack.py)
└── UsageError      (cli.py)
"""

from __future__ import annotations


class LocalError(Exception):
    """Something that the person at the keyboard can put right. Its text is one line."""

    exit_code = 1
