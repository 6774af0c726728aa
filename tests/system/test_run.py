"""`./manage.py run`: the real shop comes up, says where it is, survives a crash, and leaves nothing behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.local import ports
from services.local.components import COMPONENTS, DEPLOYABLES, REPOSITORY
from services.local.environment import without_ours

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
MANAGE = str(REPOSITORY / "manage.py")
READY = re.compile(r"TechCommerce is ready after [\d.]+ s\.")
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d (gateway|legacy|products|orders|sync)(-sweep)? *\| ")


class Run:
    """A `./manage.py run` with a home and ports of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = ports.free()
        chosen = {f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        self.variables = {**without_ours(os.environ), **chosen, "TECHCOMMERCE_HOME": str(home)}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [MANAGE, "run"], env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    def said(self, pattern: str | re.Pattern[str]) -> bool:
        return any(re.search(pattern, line) for line in list(self.lines))

    def wait_ready(self) -> None:
        eventually(lambda: self.said(READY) or self.process.poll() is not None, 90)
        assert self.said(READY), "\n".join(self.lines[-40:])

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        status = self.process.wait(30)
        self._reader.join(10)
        return status

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([MANAGE, *arguments], env=self.variables, capture_output=True, text=True, timeout=60)

    def processes(self) -> dict[int, str]:
        """Return the live processes that were started, however indirectly, for this home."""
        mark = f"TECHCOMMERCE_HOME={self.home}".encode()
        found = {}
        for directory in Path("/proc").iterdir():
            if directory.name.isdigit() and int(directory.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if mark in (directory / "environ").read_bytes().split(b"\0"):
                        found[int(directory.name)] = (directory / "cmdline").read_text().replace("\0", " ")
        return found


def eventually(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        code: int = response.status
        return code


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def shop(home: Path) -> Iterator[Run]:
    run = Run(home)
    try:
        run.wait_ready()
        yield run
    finally:
        if run.process.poll() is None:
            run.end(signal.SIGINT)


def test_everyone_is_ready_when_it_says_so(shop: Run) -> None:
    for deployable in DEPLOYABLES:
        assert status(f"http://127.0.0.1:{shop.ports[deployable.name]}/readyz") == 200


def test_says_where_everything_is(shop: Run) -> None:
    text = "\n".join(shop.lines)
    assert f"http://localhost:{shop.ports['gateway']}/admin/" in text
    assert f"http://localhost:{shop.ports['legacy']}/admin/" in text
    assert "./manage.py createsuperuser" in text


def test_there_is_something_to_buy(shop: Run) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{shop.ports['gateway']}/products", timeout=10) as response:
        assert b'"results": [{' in response.read().replace(b":[", b": [")


def test_a_component_that_is_killed_comes_back(shop: Run) -> None:
    leader = next(pid for pid, command in shop.processes().items() if "services.orders.wsgi" in command)
    os.killpg(os.getpgid(leader), signal.SIGKILL)
    eventually(lambda: shop.said(r"orders +\| was ended by SIGKILL; starts again in"), 10)

    def back() -> bool:
        with contextlib.suppress(OSError):
            return status(f"http://127.0.0.1:{shop.ports['orders']}/readyz") == 200
        return False

    eventually(back, 20)


def test_commands_beside_it_use_its_databases(shop: Run) -> None:
    result = shop.manage("orders", "showmigrations")
    assert result.returncode == 0, result.stderr
    assert "[X]" in result.stdout
    assert "[ ]" not in result.stdout


@pytest.mark.parametrize("component", [component.name for component in COMPONENTS])
def test_an_unknown_command_of_a_component_is_one_line(shop: Run, component: str) -> None:
    result = shop.manage(component, "migrat")
    expected = f"manage.py: unknown command of {component} 'migrat': did you mean 'migrate'?\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", expected)


def test_a_second_one_on_the_same_ports_is_told_so(shop: Run) -> None:
    result = shop.manage("run")
    assert result.returncode == 1
    assert "is in use" in result.stderr
    assert result.stderr.count("\n") == 1


def test_nothing_of_it_is_left_after_ctrl_c(shop: Run) -> None:
    assert shop.end(signal.SIGINT) == 0
    assert shop.lines[-1] == "stopped"
    log = [line for line in shop.lines if re.match(r"\d\d:\d\d:\d\d ", line)]
    assert log
    assert all(LOG_LINE.match(line) for line in log)
    eventually(lambda: not shop.processes(), 15)


def test_nothing_of_it_is_left_when_it_is_killed(shop: Run, home: Path) -> None:
    run = Run(home)
    run.wait_ready()
    assert run.end(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: not run.processes(), 40)


def test_it_stops_while_it_still_starts(home: Path) -> None:
    run = Run(home)
    eventually(lambda: len(run.processes()) > 3, 30)
    assert run.end(signal.SIGTERM) == 0
    assert run.lines[-1] == "stopped"
    eventually(lambda: not run.processes(), 15)
