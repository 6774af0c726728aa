"""services.chassis.log"""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator

import pytest

from services.chassis import log


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def _configure(component: str) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.config.dictConfig(log.django_logging(component))
    ours = root.handlers[:]
    root.handlers[:] = [*handlers, *ours]
    root.setLevel(min(level, logging.INFO) or logging.INFO)


@pytest.fixture
def _root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_root")
def test_it_writes_json_that_names_the_component(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    _configure("orders")
    log.get("a.logger").info("order_placed", number="TC-1", city="Zürich")
    (line,) = _lines(capsys)
    seen = json.loads(line)
    assert {"component": "orders", "event": "order_placed", "number": "TC-1", "city": "Zürich"}.items() <= seen.items()
    assert (seen["level"], seen["logger"]) == ("info", "a.logger")
    assert seen["timestamp"].endswith("Z")


@pytest.mark.usefixtures("_root")
def test_the_standard_librarys_records_look_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    _configure("orders")
    logging.getLogger("other").warning("gone %s", "away")
    (line,) = _lines(capsys)
    seen = json.loads(line)
    assert (seen["event"], seen["component"], seen["level"]) == ("gone away", "orders", "warning")


@pytest.mark.usefixtures("_root")
def test_an_error_is_one_line_with_its_traceback_inside(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    _configure("orders")
    try:
        raise ValueError("odd")
    except ValueError:
        log.get("a.logger").exception("failed")
    (line,) = _lines(capsys)
    assert "ValueError: odd" in json.loads(line)["exception"]


@pytest.mark.usefixtures("_root")
def test_a_terminal_gets_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOG_FORMAT", "console")
    _configure("orders")
    log.get("b.logger").info("order_placed", number="TC-1")
    (line,) = _lines(capsys)
    assert "order_placed" in line and "number=TC-1" in line
    assert "\x1b" not in line
