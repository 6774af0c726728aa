"""services.sync.cli"""

from __future__ import annotations

import pytest

from services.sync.cli import main


@pytest.mark.parametrize(
    "argv", [[], ["fly"], ["backfill", "fish"], ["backfill", "--rate", "0"], ["backfill", "--rate", "fast"]]
)
def test_what_makes_no_sense_is_refused_with_the_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(argv)
    assert raised.value.code == 2
    assert "usage: ./manage.py sync" in capsys.readouterr().err


def test_a_missing_variable_ends_it_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_DATABASE_URL", raising=False)
    with pytest.raises(SystemExit, match="GATEWAY_DATABASE_URL: must be set"):
        main(["backfill"])


def test_a_database_that_is_away_ends_it_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GATEWAY", "LEGACY", "PRODUCTS"):
        monkeypatch.setenv(f"{name}_DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:1/none")
    assert main(["backfill", "products"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("sync: ") and said.count("\n") == 1
    assert "hunter2" not in said
