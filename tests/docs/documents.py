"""What documents promise: commands, addresses, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from services.local.components import REPOSITORY

DOCUMENTS: Final = tuple(
    path for path in (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *(REPOSITORY / "docs").glob("*.md"))
)

_BLOCK: Final = re.compile(r"^```(sh[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`(\./manage\.py [^`]+|make [a-z]+[^`]*)`")
_ADDRESS: Final = re.compile(r"http://localhost:\d+[^\s)`'\"*<>]*")
_LINK: Final = re.compile(r"\]\((?!https?:)([^)#]+)")


class Command(NamedTuple):
    """A command that a document shows."""

    document: str
    line: str
    runnable: bool
    """False where the document says that it is an example only."""


def commands(document: Path) -> list[Command]:
    """Return the document's commands, from its `sh` blocks and from running text."""
    text = document.read_text()
    found = []
    for kind, block in _BLOCK.findall(text):
        for line in block.splitlines():
            bare = line.split(" #")[0].strip()
            if bare and not bare.startswith("#"):
                found.append(Command(document.name, bare, "no-run" not in kind))
    prose = _BLOCK.sub("", text)
    found += [Command(document.name, line, False) for line in _INLINE.findall(prose)]
    return found


def addresses(document: Path) -> list[str]:
    """Return the addresses on this machine that the document names."""
    return sorted({address.rstrip(".,;") for address in _ADDRESS.findall(document.read_text())})


def links(document: Path) -> list[str]:
    """Return the files that the document links to, as it names them."""
    return _LINK.findall(document.read_text())
