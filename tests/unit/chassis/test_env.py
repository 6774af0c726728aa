"""services.chassis.env"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.chassis import env


def _reads(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("TC_TEST", raising=False)
    else:
        monkeypatch.setenv("TC_TEST", value)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda: env.text("TC_TEST"), "x", "x"),
        (lambda: env.text("TC_TEST", "y"), None, "y"),
        (lambda: env.text("TC_TEST", "y"), "", "y"),
        (lambda: env.integer("TC_TEST", 7), "12", 12),
        (lambda: env.integer("TC_TEST", 7), None, 7),
        (lambda: env.integer("TC_TEST", 7), "", 7),
        (lambda: env.seconds("TC_TEST", 1.5), "0.25", 0.25),
        (lambda: env.seconds("TC_TEST", 1.5), None, 1.5),
        (lambda: env.seconds("TC_TEST", 1.5, or_none=True), "0", 0.0),
        (lambda: env.seconds("TC_TEST", 0, or_none=True), None, 0.0),
        (lambda: env.flag("TC_TEST"), "Yes", True),
        (lambda: env.flag("TC_TEST", True), "off", False),
        (lambda: env.flag("TC_TEST", True), None, True),
        (lambda: env.words("TC_TEST"), " a, b,,c ", ["a", "b", "c"]),
        (lambda: env.words("TC_TEST"), None, []),
        (lambda: env.words("TC_TEST", "*"), "", ["*"]),
    ],
)
def test_it_reads(monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any], value: str | None, expected: Any) -> None:
    _reads(monkeypatch, value)
    assert read() == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda: env.text("TC_TEST"), None),
        (lambda: env.text("TC_TEST"), ""),
        (lambda: env.integer("TC_TEST", 1), "many"),
        (lambda: env.seconds("TC_TEST", 1), "0"),
        (lambda: env.seconds("TC_TEST", 1), "-1"),
        (lambda: env.seconds("TC_TEST", 1, or_none=True), "-1"),
        (lambda: env.seconds("TC_TEST", 1, or_none=True), "nan"),
        (lambda: env.seconds("TC_TEST", 1), "inf"),
        (lambda: env.seconds("TC_TEST", 1), "nan"),
        (lambda: env.seconds("TC_TEST", 1), "soon"),
        (lambda: env.flag("TC_TEST"), "perhaps"),
        (lambda: env.path("TC_TEST"), "/no/such/file"),
        (lambda: env.path("TC_TEST"), None),
        (lambda: env.database("TC_TEST"), None),
        (lambda: env.database("TC_TEST"), "nonsense"),
        (lambda: env.database("TC_TEST"), "gopher://x/y"),
        (lambda: env.database("TC_TEST"), "postgres://h:port/x"),
    ],
)
def test_it_ends_the_process_with_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any], value: str | None
) -> None:
    _reads(monkeypatch, value)
    with pytest.raises(SystemExit) as raised:
        read()
    said = str(raised.value.code)
    assert said.startswith("TC_TEST: ")
    assert "\n" not in said


def test_it_finds_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").touch()
    _reads(monkeypatch, str(tmp_path / "key"))
    assert env.path("TC_TEST") == tmp_path / "key"


def test_it_connects_through_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    _reads(monkeypatch, "postgres://ada:secret@db:5433/shop")
    found = env.database("TC_TEST", pool_size=3)
    assert (found["NAME"], found["USER"], found["HOST"], found["PORT"]) == ("shop", "ada", "db", 5433)
    assert found["OPTIONS"]["pool"]["max_size"] == 3
    # Django refuses a pool together with connections that outlive their request.
    assert found["CONN_MAX_AGE"] == 0


def test_a_secret_in_a_url_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _reads(monkeypatch, "gopher://ada:hunter2@db/shop")
    with pytest.raises(SystemExit) as raised:
        env.database("TC_TEST")
    assert "hunter2" not in str(raised.value.code)
