"""Runs processes, passes their output on line by line, and starts again what crashes.

Not honcho: it ends everything when one process ends, runs each command under a forked Python and a shell (7 × 20 MB
here), and its processes outlive it when it is killed.

- Each process leads a process group; what remains of the group when its leader ends is killed before it is started
  again, so that an orphaned worker never holds the port.
- The kernel tells a process to stop when its supervisor dies, however it dies (Linux; see `child.py`).
- A process that crashes `CRASHES_MAX` times within `CRASHES_SECONDS` ends the run.

Threads, two per process: one waits for it, one reads its output. The kernel's parent of a process is the thread that
started it, therefore the waiting thread also starts it.
"""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from services.local.components import REPOSITORY
from services.local.console import Sink

CRASHES_MAX: Final = 5
CRASHES_SECONDS: Final = 30.0
GRACE_SECONDS: Final = 10.0
_BACKOFF_FIRST: Final = 0.25
_BACKOFF_MAX: Final = 4.0
_LINES_KEPT: Final = 5000
_CHILD: Final = str(Path(__file__).with_name("child.py"))


@dataclass(frozen=True, slots=True)
class Program:
    """A command to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)


class Supervisor:
    """Keeps programs running until told to stop, or until one of them crashes too often."""

    def __init__(self, sink: Sink, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self.sink = sink
        self.grace_seconds = grace_seconds
        self.hurry = threading.Event()
        """Set to stop waiting for processes to end by themselves."""
        self.failed = threading.Event()
        self.failure = ""
        """One line saying what ended the run."""
        self._watches: dict[str, _Watch] = {}
        self._logs: dict[str, collections.deque[str]] = {}
        self._once: set[_Process] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def start(self, program: Program) -> None:
        """Start the program and keep it running."""
        with self._lock:
            if self._stopping:
                return
            if program.name in self._watches:
                raise ValueError(f"{program.name} runs already")
            watch = self._watches[program.name] = _Watch(program, self)
        watch.start()

    def run(self, program: Program) -> int:
        """Run the program once, to its end, and return its exit status."""
        with self._lock:
            if self._stopping:
                return 1
            process = _Process(program, self)
            self._once.add(process)
        try:
            return process.wait()
        finally:
            process.destroy()
            with self._lock:
                self._once.discard(process)

    def stop_one(self, name: str) -> None:
        """Stop the named program and forget it."""
        with self._lock:
            watch = self._watches.pop(name)
        watch.tell_to_stop()
        self._wait_for([watch])

    def restart(self, name: str, changes: Mapping[str, str] | None = None) -> None:
        """Stop the named program, and start it with these changes to its environment."""
        program = self.program(name)
        self.stop_one(name)
        self.start(replace(program, environment={**program.environment, **(changes or {})}))

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send the signal to all processes of the named program. What it ends thereby is not held against it."""
        self._watches[name].signal(number)

    def program(self, name: str) -> Program:
        """Return the named program."""
        return self._watches[name].program

    def process_id(self, name: str) -> int | None:
        """Return the process id of the named program's leader, or None while it does not run."""
        watch = self._watches.get(name)
        return watch.process_id if watch else None

    def lines(self, name: str) -> list[str]:
        """Return the last lines that the named program wrote."""
        return list(self._logs.get(name, ()))

    def stop(self) -> None:
        """Stop everything: politely, then after the grace period, or when hurried, at once. May be called twice."""
        with self._lock:
            self._stopping = True
            watches = list(self._watches.values())
            once = list(self._once)
        for process in once:
            process.destroy()
        for watch in watches:
            watch.tell_to_stop()
        self._wait_for(watches)

    def emit(self, name: str, text: str) -> None:
        """Take a line of the named program."""
        self._logs.setdefault(name, collections.deque(maxlen=_LINES_KEPT)).append(text)
        self.sink.line(name, text)

    def fail(self, program: Program, reason: str) -> None:
        """End the run on account of this program."""
        last = self.lines(program.name)[-1:] or ["it wrote nothing"]
        with self._lock:
            self.failure = self.failure or f"{program.name} {reason}; its last line: {last[0]}"
        self.failed.set()

    def _wait_for(self, watches: Sequence[_Watch]) -> None:
        deadline = time.monotonic() + self.grace_seconds
        for watch in watches:
            while watch.is_alive() and time.monotonic() < deadline and not self.hurry.is_set():
                watch.join(0.05)
        for watch in watches:
            if watch.is_alive():
                watch.signal(signal.SIGKILL)
        for watch in watches:
            watch.join()


class _Process:
    """One run of a program."""

    def __init__(self, program: Program, supervisor: Supervisor) -> None:
        self._name = program.name
        self._supervisor = supervisor
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", _CHILD, str(os.getpid()), *program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**program.environment, "PYTHONUNBUFFERED": "1"},
            cwd=REPOSITORY,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"{program.name} output", daemon=True)
        self._reader.start()

    @property
    def id(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        """Wait for the end, and return the exit status once all that was written has been passed on."""
        status = self._process.wait()
        # Its orphans hold its port and its end of the pipe.
        self.signal(signal.SIGKILL)
        self._reader.join(5)
        return status

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def destroy(self) -> None:
        self.signal(signal.SIGKILL)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  # for the type checker: it was asked for
        with self._process.stdout as stream:
            for line in stream:
                self._supervisor.emit(self._name, line.decode(errors="replace").rstrip("\r\n"))


class _Watch(threading.Thread):
    """Keeps one program running."""

    def __init__(self, program: Program, supervisor: Supervisor) -> None:
        super().__init__(name=program.name, daemon=True)
        self.program = program
        self._supervisor = supervisor
        self._told_to_stop = threading.Event()
        self._signalled = False
        self._lock = threading.Lock()
        self._process: _Process | None = None

    @property
    def process_id(self) -> int | None:
        process = self._process
        return process.id if process else None

    def tell_to_stop(self) -> None:
        self._told_to_stop.set()
        with self._lock:
            if self._process:
                self._process.signal(signal.SIGTERM)
                # A stopped process does not hear SIGTERM until it goes on.
                self._process.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._process:
                self._signalled = True
                self._process.signal(number)

    def run(self) -> None:
        crashes: collections.deque[float] = collections.deque(maxlen=CRASHES_MAX)
        while True:
            with self._lock:
                if self._told_to_stop.is_set():
                    return
                self._process = process = _Process(self.program, self._supervisor)
                self._signalled = False
            status = process.wait()
            with self._lock:
                self._process = None
                on_request = self._signalled
            if self._told_to_stop.is_set():
                return
            reason = _reason(status)
            if on_request:
                delay = _BACKOFF_FIRST
            else:
                crashes.append(time.monotonic())
                if len(crashes) == CRASHES_MAX and crashes[-1] - crashes[0] <= CRASHES_SECONDS:
                    self._supervisor.fail(self.program, f"{reason}, {CRASHES_MAX} times in {CRASHES_SECONDS:.0f} s")
                    return
                recent = sum(1 for moment in crashes if crashes[-1] - moment <= CRASHES_SECONDS)
                delay = min(_BACKOFF_FIRST * 2 ** (recent - 1), _BACKOFF_MAX)
            self._supervisor.emit(self.program.name, f"{reason}; starts again in {delay:g} s")
            if self._told_to_stop.wait(delay):
                return


def _reason(status: int) -> str:
    if status >= 0:
        return f"exited with code {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
