"""Runs every suite: `python -m tests [FOLDER]`, which is what `make test` does.

One pytest run for each component's unit tests, since pytest-django knows one settings module per run; one for each
other room's; and what crosses rooms. First those that only need a processor, two at a time; then, one after the other,
those that run whole shops and look closely at when things happen. `K` (environment) picks tests by name as pytest's
`-k` does, `TECHCOMMERCE_STRICT=1` makes a skipped test a failed one. The last line is `N passed, N failed, N skipped`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from services.local import postgres
from services.local.components import REPOSITORY
from services.local.environment import without_ours
from tests.rooms import DJANGO_ROOMS, home_directory

TESTS = REPOSITORY / "tests"
UNIT = TESTS / "unit"
# Each must exist: a folder that vanished is not a suite that passed.
UNIT_SUITES = ("chassis", "local", *DJANGO_ROOMS, "sync")
# Start processes and wait for them: not beside others.
ALONE_UNIT = frozenset({"local"})
# Cross rooms, and yet do not mind company.
SOCIABLE = ("docs", "model", "sync")
LONGEST = ("unit/gateway", "sync")
LANES = 2
NOTHING_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests that one pytest run can hold."""

    name: str
    paths: tuple[Path, ...]
    alone: bool = True
    """Whether nothing else should run meanwhile."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a suite."""

    suite: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    note: str = ""


def main(arguments: Sequence[str]) -> int:
    """Run the suites, show a table, and return 1 unless all is well."""
    strict = os.environ.get("TECHCOMMERCE_STRICT") == "1"
    only = arguments[0] if arguments else os.environ.get("ONLY", "")
    expression = os.environ.get("K", "")
    suites = _suites(only)
    if not suites:
        print(f"no tests at tests/{only.removeprefix('tests/')}", file=sys.stderr)
        return 2
    # Held to the end, so that the suites share one warm server.
    home = home_directory()
    home.mkdir(parents=True, exist_ok=True)
    postgres.ensure(home)
    try:
        outcomes = _run_all(suites, expression, home)
    except KeyboardInterrupt:
        return 130
    finally:
        postgres.release(home)
    if not only:
        missing = [name for name in UNIT_SUITES if not (UNIT / name).is_dir()]
        wanted = strict or bool(os.environ.get("CI"))
        outcomes += [Outcome(f"unit/{name}", 0, int(wanted), 0, 0, "missing") for name in missing]
    return _report(outcomes, chosen=bool(expression))


def _suites(only: str) -> list[Suite]:
    if only:
        path = (TESTS / only.removeprefix("tests/").split("::")[0]).resolve()
        if path not in (TESTS, UNIT):
            return [Suite(only.removeprefix("tests/"), (TESTS / only.removeprefix("tests/"),))] if path.exists() else []
    rooms = sorted({*UNIT_SUITES, *(path.name for path in UNIT.iterdir() if _holds_tests(path))}, key=_room_order)
    # Rooms that run as one component share its test database.
    together: dict[str, list[str]] = {}
    for name in rooms:
        if (UNIT / name).is_dir():
            together.setdefault(DJANGO_ROOMS.get(name, name), []).append(name)
    suites = [
        Suite(" ".join(f"unit/{name}" for name in names), tuple(UNIT / name for name in names), names[0] in ALONE_UNIT)
        for names in together.values()
    ]
    if only.removeprefix("tests/") == "unit":
        return suites
    across = [path for path in sorted(TESTS.iterdir()) if path != UNIT and _holds_tests(path)]
    suites += [Suite(path.name, (path,), alone=False) for path in across if path.name in SOCIABLE]
    others = tuple(path for path in across if path.name not in SOCIABLE)
    return [*suites, Suite(" ".join(path.name for path in others), others)] if others else suites


def _room_order(name: str) -> tuple[int, str]:
    return (UNIT_SUITES.index(name) if name in UNIT_SUITES else len(UNIT_SUITES), name)


def _holds_tests(path: Path) -> bool:
    return any(path.rglob("test_*.py")) if path.is_dir() else path.name.startswith("test_")


def _run_all(suites: Sequence[Suite], expression: str, home: Path) -> list[Outcome]:
    """Run the sociable suites in lanes, their output held back until each ends, then the others."""
    together = [suite for suite in suites if not suite.alone]
    if len(together) < 2:
        return [_run(suite, expression, home) for suite in suites]
    outcomes = {}
    running: set[subprocess.Popen[bytes]] = set()
    with ThreadPoolExecutor(LANES) as lanes:
        # The longest first: the lanes end at about the same time.
        ordered = sorted(together, key=lambda suite: suite.name not in LONGEST)
        futures = {lanes.submit(_run, suite, expression, home, running): suite for suite in ordered}
        try:
            for future in as_completed(futures):
                outcomes[futures[future].name] = future.result()
        except KeyboardInterrupt:
            lanes.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.send_signal(signal.SIGINT)
            raise
    for suite in suites:
        if suite.alone:
            outcomes[suite.name] = _run(suite, expression, home)
    return [outcomes[suite.name] for suite in suites]


def _run(suite: Suite, expression: str, home: Path, running: set[subprocess.Popen[bytes]] | None = None) -> Outcome:
    """Run one suite. With `running`, beside others: its output comes in one piece, and its process is named there."""
    if running is None:
        print(f"\n── {suite.name}", flush=True)
    began = time.monotonic()
    # Databases that the caller chose are used; everything else that steers a component is not the tests' affair.
    chosen = {key: value for key, value in os.environ.items() if key.endswith("_DATABASE_URL")}
    variables = {**without_ours(os.environ), **chosen, "TECHCOMMERCE_HOME": str(home)}
    if strict := os.environ.get("TECHCOMMERCE_STRICT"):
        variables["TECHCOMMERCE_STRICT"] = strict
    with tempfile.TemporaryDirectory() as directory:
        record = Path(directory) / "record.xml"
        command = [sys.executable, "-m", "pytest", f"--junit-xml={record}", "-q", *map(str, suite.paths)]
        if expression:
            command += ["-k", expression]
        said = Path(directory) / "said"
        with said.open("wb") as output:
            held = {} if running is None else {"stdout": output, "stderr": subprocess.STDOUT}
            process = subprocess.Popen(command, cwd=REPOSITORY, env=variables, **held)  # type: ignore[call-overload]
            if running is not None:
                running.add(process)
            try:
                status = process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait(30)
                raise
        if running is not None:
            running.discard(process)
            print(f"\n── {suite.name}\n{said.read_text(errors='replace')}", end="", flush=True)
        passed, failed, skipped = _counts(record)
    note = ""
    if status == NOTHING_COLLECTED:
        note = "nothing collected"
        failed += not expression
    elif status and not failed:
        note = f"pytest ended with status {status}"
        failed = 1
    return Outcome(suite.name, passed, failed, skipped, time.monotonic() - began, note)


def _counts(record: Path) -> tuple[int, int, int]:
    """Return how many tests passed, failed and were skipped. One that is known to fail and did has passed."""
    if not record.exists():
        return 0, 0, 0
    passed = failed = skipped = 0
    for case in ElementTree.parse(record).iter("testcase"):
        left_out = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif left_out is not None and left_out.get("type") != "pytest.xfail":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def _report(outcomes: Sequence[Outcome], *, chosen: bool) -> int:
    table = Table(title="Tests", title_justify="left")
    table.add_column("suite")
    for column in ("passed", "failed", "skipped", "seconds"):
        table.add_column(column, justify="right")
    table.add_column("")
    for outcome in outcomes:
        style = "red" if outcome.failed else "yellow" if outcome.skipped or outcome.note else ""
        counts = (str(outcome.passed), str(outcome.failed), str(outcome.skipped), f"{outcome.seconds:.1f}")
        table.add_row(outcome.suite, *counts, outcome.note, style=style)
    Console().print("\n", table)
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    if chosen and not passed + failed + skipped:
        print("no test has such a name", file=sys.stderr)
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
