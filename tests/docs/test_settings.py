"""`docs/settings.md` against what the code reads from the environment."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from services.local.components import COMPONENTS, REPOSITORY

SETTINGS = REPOSITORY / "docs" / "settings.md"
READERS = {"text", "integer", "seconds", "flag", "words", "path", "database"}
ROOMS = ("gateway", "legacy_monolith", "services")
_NAME = re.compile(r"`([A-Z][A-Z0-9_]*_[A-Z0-9_]+)`")

_EVERYBODYS = re.compile(r"`<COMPONENT>(_[A-Z0-9_]+)`")


def _documented() -> set[str]:
    """Return the variables on the page, those that every component has under each component's name."""
    page = SETTINGS.read_text()
    shared = {component.prefix + tail for component in COMPONENTS for tail in _EVERYBODYS.findall(page)}
    return set(_NAME.findall(page)) | shared


def _read(path: Path) -> set[str]:
    """Return the variables that a module reads under names that are written out."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        named = node.args[0]
        through_chassis = isinstance(node.func.value, ast.Name) and node.func.value.id == "env"
        if through_chassis and node.func.attr in READERS and isinstance(named, ast.Constant):
            found.add(str(named.value))
    return found


def test_every_variable_that_the_code_reads_is_documented() -> None:
    used = {name for room in ROOMS for path in (REPOSITORY / room).rglob("*.py") for name in _read(path)}
    assert used, "nothing was found: has the way of reading settings changed?"
    assert used <= _documented()


def test_every_variable_that_is_documented_is_used() -> None:
    code = "\n".join(
        path.read_text()
        for room in (*ROOMS, "tests")
        for path in (REPOSITORY / room).rglob("*.py")
        if path != Path(__file__)
    )
    for name in set(_NAME.findall(SETTINGS.read_text())):
        # Some are put together from a component's name and what follows it.
        whole, tail = name, "_" + name.split("_", 1)[1]
        assert whole in code or tail in code, name
