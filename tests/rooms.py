"""pytest's plugin that gives a component's unit tests that component's environment, before Django is configured.

pytest-django knows one settings module per run, so one run tests one room. `make test` runs them one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from services.local.components import BY_NAME, REPOSITORY
from services.local.environment import environment

UNIT = REPOSITORY / "tests" / "unit"
# Folder under tests/unit -> the component as which its tests run.
DJANGO_ROOMS = {
    "legacy_monolith": "legacy",
    "ownership": "legacy",
    "products": "products",
    "orders": "orders",
    "gateway": "gateway",
}


def home_directory() -> Path:
    """Return where tests keep their databases and keys: not where a shop that runs meanwhile keeps its own."""
    return Path(os.environ.get("TECHCOMMERCE_HOME") or REPOSITORY / ".run-test").resolve()


def components_of(paths: Iterable[str], directory: Path) -> set[str | None]:
    """Return the components whose unit tests the paths hold; None stands for tests that need no component."""
    found: set[str | None] = set()
    for path in paths:
        target = (directory / path.split("::")[0]).resolve()
        if target.is_relative_to(UNIT) and target != UNIT:
            found.add(DJANGO_ROOMS.get(target.relative_to(UNIT).parts[0]))
        elif UNIT.is_relative_to(target):
            found.update(component for room, component in DJANGO_ROOMS.items() if (UNIT / room).exists())
            found.add(None)
        else:
            found.add(None)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    # A wrapper, as pytest-django configures Django in this very hook.
    arguments = early_config.known_args_namespace
    found = components_of(arguments.file_or_dir or ["tests"], Path.cwd())
    if len(found) > 1 and not (arguments.help or arguments.version):
        raise pytest.UsageError(
            "these tests belong to several components, and one run can test one: use `make test`, or name one folder"
        )
    name = next(iter(found), None)
    os.environ["TECHCOMMERCE_HOME"] = str(home_directory())
    if name is not None:
        # `--ds` stays possible: pytest-django prefers it.
        os.environ.update(environment(BY_NAME[name].name, home_directory()))
    else:
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    yield
