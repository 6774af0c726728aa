"""Small files that more than one process may create at once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, content: str, *, mode: int = 0o600) -> None:
    """Put the content at the path in one step: a reader sees the old file or the new one, never half of one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
