"""Real processes, kept running and cleared away."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.local import ports
from services.local.components import REPOSITORY
from services.local.stack import Job, Service, Stack, StackError
from services.local.supervisor import Program, Supervisor

ANSWERS = """
import os, sys, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(os.environ.get("ANSWER", "200"))); self.end_headers()
    def log_message(self, *arguments): pass
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["ORDERS_PORT"])), Handler).serve_forever()
"""
WEB = Service("orders", "orders", (sys.executable, "-c", ANSWERS), serves=True)


class Lines:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def line(self, name: str, text: str) -> None:
        self.seen.append((name, text))


def eventually(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        # A process whose parent has not looked yet is dead all the same.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def supervised(*commands: str, grace: float = 5) -> Iterator[tuple[Supervisor, Lines]]:
    lines = Lines()
    supervisor = Supervisor(lines, grace_seconds=grace)
    for number, command in enumerate(commands):
        supervisor.start(Program(f"p{number}", ("sh", "-c", command), dict(os.environ)))
    try:
        yield supervisor, lines
    finally:
        supervisor.stop()


def test_passes_lines_on_whole_whatever_they_hold() -> None:
    with supervised(r"printf 'half'; sleep 0.1; printf ' and half\n\377\n'; seq 3; exec sleep 60") as (_, lines):
        eventually(lambda: len(lines.seen) >= 5)
    assert [text for _, text in lines.seen[:5]] == ["half and half", "\ufffd", "1", "2", "3"]


def test_starts_again_what_crashed_and_says_why() -> None:
    with supervised("echo up; sleep 0.1; exit 3") as (supervisor, _):
        eventually(lambda: supervisor.lines("p0").count("up") == 2)
        assert "exited with code 3; starts again in 0.25 s" in supervisor.lines("p0")
    with supervised("echo up; kill -SEGV $$") as (supervisor, _):
        eventually(lambda: "was ended by SIGSEGV; starts again in 0.25 s" in supervisor.lines("p0"))


def test_gives_up_on_what_crashes_again_and_again() -> None:
    with supervised("echo no good; exit 1", "exec sleep 60") as (supervisor, _):
        assert supervisor.failed.wait(20)
    assert supervisor.failure == "p0 exited with code 1, 5 times in 30 s; its last line: no good"


def test_a_program_that_cannot_be_started_is_one_that_crashes() -> None:
    supervisor = Supervisor(Lines())
    assert supervisor.run(Program("p", ("/no/such/program",), {})) == 1
    assert supervisor.lines("p") == ["/no/such/program: No such file or directory"]


def test_stops_whole_groups_and_kills_what_does_not_listen() -> None:
    deaf = "trap '' TERM; sleep 60 & echo $! $$; while :; do sleep 1; done"
    with supervised(deaf, grace=0.5) as (supervisor, _):
        eventually(lambda: supervisor.lines("p0"))
        pids = [int(word) for word in supervisor.lines("p0")[0].split()]
        assert all(map(alive, pids))
    # Killed, and gone as soon as somebody has taken note of it: for the orphan that is init.
    eventually(lambda: not any(map(alive, pids)))


def test_hurried_it_does_not_wait() -> None:
    with supervised("trap '' TERM; echo up; while :; do sleep 1; done", grace=60) as (supervisor, _):
        eventually(lambda: supervisor.lines("p0"))
        threading.Timer(0.3, supervisor.hurry.set).start()
        supervisor.stop()


def test_clears_orphans_away_before_it_starts_again() -> None:
    with supervised("sleep 60 & echo $!; wait") as (supervisor, _):
        eventually(lambda: supervisor.lines("p0"))
        orphan, leader = int(supervisor.lines("p0")[0]), supervisor.process_id("p0")
        assert leader
        os.kill(leader, signal.SIGKILL)
        eventually(lambda: not alive(orphan))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_nothing_outlives_a_supervisor_that_was_killed() -> None:
    code = (
        "import os,sys,time; from services.local.supervisor import *; from services.local.console import Console;"
        "Supervisor(Console()).start(Program('p', ('sh', '-c', 'echo pid $$; exec sleep 60'), dict(os.environ)));"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        pid = int(running.stdout.readline().split()[-1])
        assert alive(pid)
        running.kill()
        eventually(lambda: not alive(pid))


def test_a_stack_brings_up_steers_and_clears_away(tmp_path: Path, server_home: Path) -> None:
    first_data = [Job("orders", ("echo", "first data"))]
    with Stack(home=server_home, services=[WEB], migrate=False, first_data=first_data) as stack:
        assert "first data" in stack.logs("orders")
        first = stack.process_id("orders")
        stack.kill("orders")
        stack.wait_until(lambda: stack.process_id("orders") not in (None, first))
        stack.wait_ready("orders")
        stack.down("orders")
        assert stack.process_id("orders") is None
        stack.up("orders")
        stack.ready_seconds = 1
        with pytest.raises(StackError, match=r"not ready in time: orders .*503"):
            stack.restart("orders", {"ANSWER": "503"})
        last = stack.process_id("orders")
        assert last
    assert not alive(last)


def test_a_stack_names_the_port_that_is_taken(server_home: Path) -> None:
    stack = Stack(home=server_home, services=[WEB], migrate=False, first_data=[])
    with socket.create_server(("127.0.0.1", stack.ports["orders"])), pytest.raises(ports.PortError) as raised:
        stack.start()
    assert str(stack.ports["orders"]) in str(raised.value)
    assert "ORDERS_PORT" in str(raised.value)


def test_a_stack_whose_job_fails_says_which_and_leaves_nothing(server_home: Path) -> None:
    job = Job("orders", ("sh", "-c", "echo it broke; exit 4"))
    stack = Stack(home=server_home, services=[WEB], migrate=False, first_data=[job])
    with pytest.raises(StackError, match="failed with status 4: it broke"):
        stack.start()
    assert stack.process_id("orders") is None
