"""The whole shop on one machine: databases, first data, every process, and the wait until all of it is ready.

`./manage.py run` is one; tests start others beside it, each with a home and ports of its own:

    with Stack(home=tmp_path) as stack:
        httpx.get(stack.url("gateway"))
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from services.local import ports as ports_module
from services.local import postgres, schema
from services.local.components import BY_NAME, COMPONENTS, REPOSITORY
from services.local.console import Silent, Sink
from services.local.environment import environment, without_ours
from services.local.errors import LocalError
from services.local.supervisor import Program, Supervisor

READY_SECONDS: Final = 60.0
MANAGE: Final = (sys.executable, str(REPOSITORY / "manage.py"))


class StackError(LocalError):
    """The shop did not come up, or went down by itself."""


@dataclass(frozen=True, slots=True)
class Service:
    """A process of the running shop."""

    name: str
    component: str
    """Whose environment it gets."""
    command: Sequence[str]
    serves: bool = False
    """Whether it answers `/readyz` on the component's port."""


@dataclass(frozen=True, slots=True)
class Job:
    """A command that is run to its end before the shop is ready."""

    component: str
    command: Sequence[str]


def _gunicorn(name: str) -> Service:
    config = str(REPOSITORY / "services/chassis/gunicorn.py")
    command = (sys.executable, "-m", "gunicorn", "--config", config, BY_NAME[name].application)
    return Service(name, name, command, serves=True)


def _sweeper(name: str) -> Service:
    return Service(f"{name}-sweep", name, (*MANAGE, name, "sweep"))


SERVICES: Final = (
    *(_gunicorn(component.name) for component in COMPONENTS),
    Service("sync", "sync", (*MANAGE, "sync", "run"), serves=True),
    *(_sweeper(name) for name in ("legacy", "products", "orders")),
)
FIRST_DATA: Final = (
    Job("legacy", (*MANAGE, "legacy", "seed", "--if-empty")),
    Job("sync", (*MANAGE, "sync", "backfill", "--if-empty")),
)


@dataclass(slots=True)
class Stack:
    """A shop that runs as long as the `with` block, or from `start` to `stop`."""

    home: Path
    ports: Mapping[str, int] = field(default_factory=ports_module.free)
    base: Mapping[str, str] | None = None
    """The environment to begin with; none of this process's settings for the shop unless given."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Variables that every process gets on top."""
    sink: Sink = field(default_factory=Silent)
    services: Sequence[Service] = SERVICES
    migrate: bool = True
    first_data: Sequence[Job] = FIRST_DATA
    ready_seconds: float = READY_SECONDS
    supervisor: Supervisor = field(init=False)
    _environments: dict[str, dict[str, str]] = field(init=False, default_factory=dict)
    _server: postgres.ServerInfo | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.sink)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring everything up and return when every `/readyz` answers 200. What was started is stopped on failure."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every process, and the database server when nobody else uses it."""
        self.supervisor.stop()
        if self._server:
            postgres.release(self.home)
            self._server = None
            self._environments.clear()

    def url(self, name: str) -> str:
        """Return where the component listens."""
        return f"http://{ports_module.HOST}:{self.ports[name]}"

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of the component's processes, for commands beside them."""
        if name not in self._environments:
            base = without_ours(os.environ) if self.base is None else self.base
            wanted = {**base, **self.extra, **{f"{key.upper()}_PORT": str(port) for key, port in self.ports.items()}}
            filled = environment(name, self.home, self.ports, base=wanted, server=self._hold_server)
            self._environments[name] = filled
        return self._environments[name]

    def database_url(self, name: str) -> str:
        """Return the URL by which the component reaches its database."""
        return self.environment(name)[f"{BY_NAME[name].prefix}_DATABASE_URL"]

    def manage(self, component: str, *arguments: str) -> int:
        """Run `./manage.py COMPONENT ARGUMENTS…` against this shop and return its exit status. See `logs`."""
        return self.supervisor.run(Program(component, (*MANAGE, component, *arguments), self.environment(component)))

    def logs(self, name: str) -> list[str]:
        """Return the last lines that the process wrote."""
        return self.supervisor.lines(name)

    def process_id(self, name: str) -> int | None:
        """Return the process id of the named service, or None while it does not run."""
        return self.supervisor.process_id(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to every process of the named service; if that ends it, it is started again."""
        self.supervisor.signal(name, number)

    def down(self, name: str) -> None:
        """Stop the named service and leave it down."""
        self.supervisor.stop_one(name)

    def up(self, name: str, changes: Mapping[str, str] | None = None) -> None:
        """Start the named service, with these changes to its environment, and wait until it is ready."""
        service = next(service for service in self.services if service.name == name)
        self.supervisor.start(self._program(service, changes))
        self.wait_ready(name)

    def restart(self, name: str, changes: Mapping[str, str] | None = None) -> None:
        """Stop the named service, start it with these changes to its environment, and wait until it is ready."""
        self.supervisor.restart(name, changes)
        self.wait_ready(name)

    def wait_ready(self, *names: str, seconds: float | None = None) -> None:
        """Wait until the named services (all unless named) answer `/readyz` with 200; raise if they do not."""
        waiting = {s.name: s for s in self.services if s.serves and (not names or s.name in names)}
        deadline = time.monotonic() + (self.ready_seconds if seconds is None else seconds)
        said = ""
        while waiting:
            for service in list(waiting.values()):
                status, said = _readiness(self.ports[service.component])
                if status == 200:
                    del waiting[service.name]
            self._require_healthy()
            if waiting and time.monotonic() > deadline:
                raise StackError(f"not ready in time: {', '.join(waiting)} ({said})")
            if waiting:
                time.sleep(0.05)

    def wait_until(self, condition: Callable[[], bool], *, seconds: float = 10.0, what: str = "the condition") -> None:
        """Wait until the condition holds; raise when it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            self._require_healthy()
            if time.monotonic() > deadline:
                raise StackError(f"{what} did not come true in {seconds:g} s")
            time.sleep(0.05)

    def _start(self) -> None:
        listening = [service.component for service in self.services if service.serves]
        ports_module.require_free(self.ports, listening)
        for name in dict.fromkeys(service.component for service in self.services):
            self.environment(name)
        if self.migrate:
            self._migrate()
        serving = [service for service in self.services if service.serves]
        for service in serving:
            self.supervisor.start(self._program(service))
        # Beside the processes that load meanwhile: none of them needs a row to become ready.
        for job in self.first_data:
            self._run(job)
        self.wait_ready()
        for service in self.services:
            if service not in serving:
                self.supervisor.start(self._program(service))
        self._require_healthy()

    def _migrate(self) -> None:
        wanted = dict.fromkeys(service.component for service in self.services if service.component in BY_NAME)
        stale = [name for name in wanted if not schema.is_current(BY_NAME[name], self.database_url(name))]
        if not stale:
            return

        def one(name: str) -> None:
            self._run(Job(name, (*MANAGE, name, "migrate", "--no-input", "--verbosity", "0")))
            schema.record(BY_NAME[name], self.database_url(name))

        # As many at once as there are processors here, give or take.
        with ThreadPoolExecutor(max_workers=2) as pool:
            try:
                list(pool.map(one, stale))
            except BaseException:
                # The pool would wait for what still runs, and for what has not begun.
                pool.shutdown(wait=False, cancel_futures=True)
                self.supervisor.stop()
                raise

    def _run(self, job: Job) -> None:
        status = self.supervisor.run(Program(job.component, job.command, self.environment(job.component)))
        self._require_healthy()
        if status:
            shown = " ".join([Path(part).name if part.startswith("/") else part for part in job.command][1:])
            last = self.logs(job.component)[-1:] or ["it wrote nothing"]
            raise StackError(f"{shown} failed with status {status}: {last[0]}")

    def _program(self, service: Service, changes: Mapping[str, str] | None = None) -> Program:
        return Program(service.name, service.command, {**self.environment(service.component), **(changes or {})})

    def _require_healthy(self) -> None:
        if self.supervisor.failed.is_set():
            raise StackError(self.supervisor.failure)

    def _hold_server(self) -> postgres.ServerInfo:
        if self._server is None:
            self._server = postgres.ensure(self.home)
        return self._server


def _readiness(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection(ports_module.HOST, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read(400).decode(errors="replace")
        return response.status, f"/readyz answered {response.status}: {' '.join(body.split())}"
    except (OSError, http.client.HTTPException) as error:
        return 0, f"/readyz: {type(error).__name__} {error}"
    finally:
        connection.close()
