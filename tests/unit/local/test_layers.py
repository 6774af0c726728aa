"""What the data plane may import, where that is finer than packages."""

import ast
from pathlib import Path

import pytest

from services.local.components import REPOSITORY

PROXY = REPOSITORY / "gateway" / "proxy"
ORM = ("django.db", "django.contrib", "django.apps")
IO = ("asyncio", "django", "http.client", "httpcore", "httpx", "psycopg", "psycopg_pool", "socket", "ssl")
PURE = (
    "breaker.py",
    "budget.py",
    "compare.py",
    "decision.py",
    "document.py",
    "headers.py",
    "ignore.py",
    "misdirected.py",
    "redact.py",
)
WIRE = REPOSITORY / "gateway" / "wire"
PURE_ON_THE_WIRE = ("syntax.py", "chunked.py")


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def reached(path: Path, packages: tuple[str, ...]) -> set[str]:
    return {name for name in imported(path) if any(name == p or name.startswith(f"{p}.") for p in packages)}


def test_there_is_a_data_plane() -> None:
    assert list(PROXY.glob("*.py"))


@pytest.mark.parametrize("path", sorted(PROXY.rglob("*.py")), ids=lambda path: path.name)
def test_the_data_plane_touches_no_orm(path: Path) -> None:
    assert not reached(path, ORM)


@pytest.mark.parametrize("path", [PROXY / name for name in PURE], ids=lambda path: path.name)
def test_what_decides_does_no_io(path: Path) -> None:
    assert not reached(path, IO)


@pytest.mark.parametrize("path", [WIRE / name for name in PURE_ON_THE_WIRE], ids=lambda path: path.name)
def test_what_reads_messages_does_no_io(path: Path) -> None:
    assert not reached(path, IO)


@pytest.mark.parametrize("path", sorted(WIRE.rglob("*.py")), ids=lambda path: path.name)
def test_the_server_knows_nothing_of_what_it_serves(path: Path) -> None:
    assert not reached(path, (*ORM, "django", "gateway.proxy", "gateway.routing", "gateway.accounts"))
