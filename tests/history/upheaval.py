"""What happens to the shop meanwhile: ownership and reads move to and fro, and processes are killed outright."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import httpx
import psutil
import psycopg

from services.chassis.identity import Owner
from services.local import postgres
from services.local.stack import MANAGE
from services.ownership.schema import BUCKETS
from services.sync import doctor
from services.sync.buckets import spell
from tests.history.history import SIDES, Component, Outage
from tests.support.system import System

VICTIMS: Final[tuple[Component, ...]] = ("move", "sync", "gateway", "legacy", "products", "orders", "postgres")
_PROCESSES: Final = ("gateway", "legacy", "products", "orders", "sync")
_RECOVERY_SECONDS: Final = 60.0
_BUCKETS, _BATCH = 400, 50
"""Of a move that something is killed in."""
_READS: Final = "UPDATE routing_toggle SET reads = %s WHERE capability = %s"
_OPEN: Final = "SELECT count(*) FROM migration_cutover WHERE state NOT IN ('done', 'abandoned')"


@dataclass(slots=True)
class Upheaval:
    """Keeps a shop on the move, and remembers what it did."""

    system: System
    chance: Random
    outages: list[Outage] = field(default_factory=list)
    trips: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUCKETS, 0))
    """How often all of a capability has been taken to the other side and back."""
    moved: int = 0
    """Buckets, each as often as it was moved."""
    pauses: list[float] = field(default_factory=list)
    """Of the moves, in milliseconds, as the mover measured them."""

    def round_trip(self) -> None:
        """Take everything to the services and back, one capability after the other, and reads somewhere each time."""
        for to in ("service", "monolith"):
            for capability in self.chance.sample(sorted(BUCKETS), len(BUCKETS)):
                self.reads()
                self.move(capability, to)
                self.trips[capability] += to == "monolith"
        self.reads()

    def stir(self) -> None:
        """Move some of the buckets, in no order, and reads."""
        self.reads()
        to: Owner = self.chance.choice(SIDES)
        capability = self.chance.choice(("orders", "orders", "products"))
        count = BUCKETS[capability]
        self.move(capability, to, self.chance.sample(range(count), self.chance.randint(1, count)))

    def move(self, capability: str, to: Owner, buckets: Sequence[int] | None = None) -> None:
        """Move buckets, or all, in this process."""
        report = self.system.move(capability, to, buckets)
        self.moved += report.moved
        self.pauses += report.pauses

    def reads(self) -> None:
        """Send reads somewhere else, all or a share of them."""
        with self.system.database("gateway") as connection:
            for capability in BUCKETS:
                connection.execute(_READS, [self.chance.choice((0, 300, 1024, 1024)), capability])

    def strike(self, victim: Component) -> Outage:
        """Kill a victim in the middle of a move, have everything repaired, and return when that was."""
        self.reads()
        with self._mover() as mover:
            self._until_moving(mover)
            time.sleep(self.chance.uniform(0.0, 0.25))
            began = time.monotonic()
            self._kill(victim, mover)
            self._until_ready()
            with suppress(subprocess.TimeoutExpired):
                mover.wait(_RECOVERY_SECONDS)
            mover.kill()
        # The command, where something may have been left to it; else a look, to see that nothing was.
        if victim in {"move", "postgres"}:
            self._until_well()
        else:
            self._look()
        self._until_closed()
        outage = Outage(victim, began, time.monotonic())
        self.outages.append(outage)
        return outage

    def _mover(self) -> subprocess.Popen[bytes]:
        """Begin to move some batches of orders in a process of its own, to the side that owns fewer of them."""
        with self.system.database("orders") as connection:
            rows = connection.execute(
                "SELECT bucket, owner = 'self' FROM ownership_bucket WHERE capability = 'orders' ORDER BY bucket"
            ).fetchall()
        there = [bucket for bucket, service in rows if service]
        here = [bucket for bucket, service in rows if not service]
        to, theirs = ("service", here) if len(here) > len(there) else ("monolith", there)
        buckets = spell(sorted(self.chance.sample(theirs, _BUCKETS)))
        command = [*MANAGE, "migration", "move", "orders", "--to", to, "--batch", str(_BATCH), "--buckets", buckets]
        variables = self.system.stack.environment("sync")
        return subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _until_moving(self, mover: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _RECOVERY_SECONDS
        with self.system.database("gateway") as connection:
            while connection.execute(_OPEN).fetchone() == (0,):
                assert mover.poll() is None, f"the mover ended with {mover.returncode} before it began"
                assert time.monotonic() < deadline, "the mover does not begin"
                time.sleep(0.002)

    def _kill(self, victim: Component, mover: subprocess.Popen[bytes]) -> None:
        stack = self.system.stack
        match victim:
            case "move":
                mover.kill()
            case "postgres":
                kill_postgres(stack.home)
                start_postgres(stack.home)
            case "gateway":
                # Its workers: whoever keeps them has new ones at once, and the port stays open.
                leader = stack.process_id("gateway")
                assert leader
                for worker in psutil.Process(leader).children():
                    worker.kill()
            case _:
                stack.kill(victim, signal.SIGKILL)

    def _until_ready(self) -> None:
        self.system.stack.wait_ready(*_PROCESSES, seconds=_RECOVERY_SECONDS)

    def _until_well(self) -> None:
        stack = self.system.stack
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while stack.manage("sync", "doctor"):
            assert time.monotonic() < deadline, "\n".join(stack.logs("sync")[-20:])
            time.sleep(0.2)

    def _look(self) -> None:
        with self.system.mover():
            for capability in BUCKETS:
                examination = doctor.examine(capability)
                assert not examination.repaired and not examination.findings, examination

    def _until_closed(self) -> None:
        """Wait until every worker of the gateway has found out that the components are back."""
        deadline = time.monotonic() + _RECOVERY_SECONDS
        url = self.system.stack.url("gateway")
        while True:
            # A worker's breaker closes when one of its requests is answered: the shoppers' are enough.
            with suppress(httpx.HTTPError):
                said = httpx.get(f"{url}/metrics", timeout=5, trust_env=False).text
                states = [line.rsplit(" ", 1)[1] for line in said.splitlines() if "techcommerce_breaker_open{" in line]
                if states and all(float(state) == 0 for state in states):
                    return
            assert time.monotonic() < deadline, "some breaker stays open"
            time.sleep(0.1)


def kill_postgres(home: Path) -> None:
    """Kill the database server of a home, every process of it at once."""
    leader = psutil.Process(int((home.resolve() / "postgres/data/postmaster.pid").read_text().splitlines()[0]))
    family = [leader, *leader.children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=30)


def start_postgres(home: Path) -> None:
    """Start the database server of a home again; whoever held it still does."""
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while True:
        try:
            postgres.ensure(home)
        except (postgres.PostgresError, psycopg.Error):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            postgres.release(home)
            return
