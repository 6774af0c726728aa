"""The tests' own machinery: which room a path belongs to, what strictness does, and how results are counted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.local.components import REPOSITORY
from tests.rooms import components_of

SAMPLE = """
import pytest
def test_passes(): pass
def test_skips(): pytest.skip("no chromium")
@pytest.mark.xfail(reason="known", strict=True)
def test_is_known_to_fail(): assert False
@pytest.mark.xfail(reason="perhaps", strict=False)
def test_may_fail(): assert False
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/unit/gateway", {"gateway"}),
        ("tests/unit/orders/test_models.py::test_x", {"orders"}),
        ("tests/unit/legacy_monolith", {"legacy"}),
        ("tests/unit/local", {None}),
        ("tests/e2e", {None}),
    ],
)
def test_knows_whose_tests_a_path_holds(path: str, expected: set[str | None]) -> None:
    assert components_of([path], REPOSITORY) == expected


def test_everything_at_once_is_more_than_one_run_can_hold() -> None:
    assert None in components_of(["tests"], REPOSITORY)


def _pytest(directory: Path, strict: str) -> str:
    (directory / "conftest.py").write_text((REPOSITORY / "tests/conftest.py").read_text())
    (directory / "test_sample.py").write_text(SAMPLE)
    (directory / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    (directory / "pytest.ini").write_text("[pytest]\n")
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:django",
            "-p",
            "no:cacheprovider",
            "--continue-on-collection-errors",
            str(directory),
        ],
        env={**os.environ, "TECHCOMMERCE_STRICT": strict},
        cwd=directory,
        capture_output=True,
        text=True,
    )
    return result.stdout


def test_a_skipped_test_has_failed_where_that_is_asked_for(tmp_path: Path) -> None:
    said = _pytest(tmp_path, "1")
    assert "counts as failed here: Skipped: no chromium" in said
    assert "could not import 'no_such_module'" in said
    assert "2 failed, 1 passed, 1 xfailed, 1 error" in said.splitlines()[-1]


def test_a_skipped_test_is_skipped_elsewhere(tmp_path: Path) -> None:
    assert "1 passed, 2 skipped, 2 xfailed" in _pytest(tmp_path, "").splitlines()[-1]
