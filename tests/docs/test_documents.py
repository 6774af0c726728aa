"""README, CONTRIBUTING and docs/ against the project."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import httpx
import pytest

from services.local.components import BY_NAME, COMPONENTS, REPOSITORY
from tests.docs.documents import DOCUMENTS, Command, addresses, commands, links
from tests.support.system import System

README = REPOSITORY / "README.md"
COMMANDS = [command for document in DOCUMENTS for command in commands(document)]
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
# What a document may show and a test cannot do: starting the shop, and all tests from within one.
NOT_RUN_HERE = ("./manage.py run", "./manage.py createsuperuser", "./manage.py import_retail")


def test_the_readme_shows_commands_and_addresses() -> None:
    """Otherwise the tests below would hold for want of anything to test."""
    assert len(commands(README)) >= 5
    assert len(addresses(README)) >= 3


@pytest.mark.parametrize(
    "line", sorted({c.line for c in COMMANDS if c.line.startswith("make ")}), ids=lambda line: line
)
def test_every_make_target_that_is_shown_exists(line: str) -> None:
    target = next(word for word in shlex.split(line)[1:] if "=" not in word)
    assert target in TARGETS


def _manage(command: Command) -> list[str]:
    return [word for word in shlex.split(command.line) if word != "…"]


@pytest.mark.parametrize(
    "command",
    [c for c in COMMANDS if c.line.startswith("./manage.py")],
    ids=lambda command: f"{command.document}: {command.line}",
)
def test_every_command_that_is_shown_is_known(command: Command, system: System) -> None:
    words = _manage(command)[1:]
    known = subprocess.run(["./manage.py", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    name = words[0]
    assert name == "help" or name in BY_NAME or re.search(rf"^  {re.escape(name)}\b", known, re.MULTILINE), known


@pytest.mark.parametrize(
    "command",
    [
        c
        for c in COMMANDS
        if c.runnable and c.line.startswith(("./manage.py", "curl ")) and not c.line.startswith(NOT_RUN_HERE)
    ],
    ids=lambda command: command.line,
)
def test_every_command_of_a_block_works(command: Command, system: System, tmp_path: Path) -> None:
    line = command.line
    for component in COMPONENTS:
        line = line.replace(f"http://localhost:{component.port}", system.stack.url(component.name))
    environment = {**system.stack.environment("sync"), "TECHCOMMERCE_HOME": str(system.stack.home)}
    for variable in ("TECHCOMMERCE_COMPONENT", "DJANGO_SETTINGS_MODULE"):
        environment.pop(variable, None)
    done = subprocess.run(
        ["sh", "-c", line], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("address", sorted({a for document in DOCUMENTS for a in addresses(document)}))
def test_every_address_that_is_shown_answers(address: str, system: System) -> None:
    port = int(address.split(":")[2].split("/", maxsplit=1)[0])
    component = next(component for component in COMPONENTS if component.port == port)
    url = address.replace(f"http://localhost:{port}", system.stack.url(component.name))
    response = httpx.get(url, follow_redirects=True, timeout=20, trust_env=False)
    assert response.status_code == 200, f"{url}: {response.status_code}"


@pytest.mark.parametrize(
    ("document", "link"), [(document, link) for document in DOCUMENTS for link in links(document)], ids=str
)
def test_every_file_that_is_linked_to_exists(document: Path, link: str) -> None:
    assert (document.parent / link).exists()


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_every_component_says_how_it_is(component: object, system: System) -> None:
    name: str = component.name  # type: ignore[attr-defined]
    for path, expected in (("/healthz", 200), ("/readyz", 200), ("/metrics", 200)):
        response = httpx.get(system.stack.url(name) + path, timeout=20, trust_env=False)
        assert response.status_code == expected, f"{name}{path}"
