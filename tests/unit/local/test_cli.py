"""`./manage.py`: one line for what is wrong, never a traceback."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.local.components import REPOSITORY


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(REPOSITORY / "manage.py"), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rnu"], "unknown command or component 'rnu': did you mean 'run'?"),
        (["order"], "unknown command or component 'order': did you mean 'orders'?"),
        (["import-retail", "x"], "unknown command or component 'import-retail': did you mean 'import_retail'?"),
        (["help", "qqqq"], "unknown command or component 'qqqq': `./manage.py help` lists what there is"),
        (["migrate", "orders"], "migrate is for all components; for one: ./manage.py orders migrate"),
        (["migration", "docter"], "unknown command of migration 'docter': did you mean 'doctor'?"),
        (["migratoin"], "unknown command or component 'migratoin': did you mean 'migration'?"),
        (["run", "now"], "run takes no arguments, not 'now'; ports are set with GATEWAY_PORT and the like"),
    ],
)
def test_says_in_one_line_what_it_does_not_know(arguments: list[str], expected: str) -> None:
    result = manage(*arguments)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"manage.py: {expected}\n")


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_lists_what_people_do(arguments: list[str]) -> None:
    result = manage(*arguments)
    assert (result.returncode, result.stderr) == (0, "")
    words = ["run", "migrate", "seed", "import_retail FILE", "createsuperuser", "orders"]
    words += [f"sync {name}" for name in ("run", "backfill", "reconcile", "status", "retry")]
    words += ["migration move", "migration doctor"]
    for word in words:
        assert f"\n  {word} " in result.stdout


@pytest.mark.parametrize("arguments", [["migration"], ["migration", "--help"], ["help", "migration"]])
def test_lists_what_a_migration_is_steered_with(arguments: list[str]) -> None:
    result = manage(*arguments)
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("move", "doctor"):
        assert f"./manage.py migration {name}" in result.stdout


def test_names_the_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = manage("run", GATEWAY_PORT=str(port), TECHCOMMERCE_HOME=str(tmp_path))
    assert result.returncode == 1
    expected = f"manage.py: port {port} of gateway is in use: stop what listens there or set GATEWAY_PORT to another\n"
    assert (result.stdout.replace("stopped\n", ""), result.stderr) == ("", expected)
    assert not list(tmp_path.iterdir())


def test_says_how_to_install_when_nothing_is_installed(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "manage.py", tmp_path)
    result = subprocess.run([sys.executable, "-S", str(tmp_path / "manage.py")], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (
        1,
        "nothing is installed yet: `make run` or `make test` creates .venv\n",
    )


def test_is_quick_because_it_leaves_django_alone() -> None:
    code = "import sys, services.local.cli; sys.exit(bool({'django', 'psycopg', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0


def test_stays_quiet_when_its_reader_goes_away() -> None:
    result = subprocess.run(
        f"{REPOSITORY}/manage.py help | true", shell=True, capture_output=True, text=True, timeout=60
    )
    assert result.stderr == ""
