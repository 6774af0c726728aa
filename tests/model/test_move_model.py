"""What spin says of `move.pml`: the protocol keeps its promises, and without any one of its precautions it does not.

`docs/model.md` says what is modelled, and how to look at it by hand.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

MODEL: Final = Path(__file__).with_name("move.pml")
MEMORY_MB: Final = 1500
DEPTH: Final = 20_000
SECONDS: Final = 300

ALONE: Final = {"WRITERS": 0, "WRITES": 0, "RELAYS": 0}
"""Nobody writes, so that more can happen to the moves."""
SIZES: Final[dict[str, tuple[dict[str, int], int]]] = {
    # Each with how many states there are at least: fewer, and the model has lost something.
    "a doctor and a new mover beside a stale one": (
        {"ACTORS": 3, "MOVES": 2, "STEALS": 2, "DEATHS": 0, **ALONE},
        300_000,
    ),
    "deaths beside a stale mover": ({"ACTORS": 2, "MOVES": 3, "STEALS": 2, "DEATHS": 1, **ALONE}, 150_000),
    "two buckets, together and apart": (
        {"BUCKETS": 2, "ACTORS": 2, "MOVES": 3, "STEALS": 1, "DEATHS": 0, **ALONE},
        600_000,
    ),
    "writes there and back beside a stale mover": (
        {"ACTORS": 2, "MOVES": 2, "STEALS": 1, "DEATHS": 0, "WRITERS": 1, "WRITES": 2},
        1_000_000,
    ),
    "writers that meet, and a death": (
        {"ACTORS": 1, "MOVES": 2, "STEALS": 0, "DEATHS": 1, "WRITERS": 2, "WRITES": 3},
        600_000,
    ),
    "two relays that carry the same": (
        {"ACTORS": 1, "MOVES": 2, "STEALS": 0, "DEATHS": 0, "WRITERS": 1, "WRITES": 3, "RELAYS": 2},
        500_000,
    ),
}
BROKEN: Final = {
    "NO_DRAIN": "none_refused",
    "NO_LOCK": "owned_throughout",
    "SNAPSHOT": "owned_throughout",
    "UNCONDITIONAL_FENCE": "epoch_is_fresh",
    "UNCONDITIONAL_OWN": "one_owner",
    "UNCONDITIONAL_RELEASE": "somebody_owns",
    "UNCONDITIONAL_REOPEN": "epoch_is_fresh",
    "PARTIAL_FENCE": "one_owner",
    "REUSE_EPOCH": "epoch_is_fresh",
    "CAS": "one_owner",
    "FORGET": "somebody_owns",
    "REOPEN_FIRST": "one_owner",
}
"""Precautions that can be left out, each with the first promise that spin then sees broken."""
NEVER_REACHED: Final = {("relay", "-end-")}
"""A relay does not end."""

pytestmark = [
    pytest.mark.skipif(shutil.which(command) is None, reason=f"{command} is not installed: {package}")
    for command, package in (("spin", "Debian's `spin`"), ("cc", "a C compiler, Debian's `build-essential`"))
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification has found."""

    said: str

    @property
    def errors(self) -> int:
        return int(self._number(r"errors: (\d+)"))

    @property
    def states(self) -> int:
        return int(self._number(r"(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored"))

    @property
    def complete(self) -> bool:
        """Whether every state that there is was looked at, none of them by a hash alone."""
        full = "Full statespace search for:" in self.said and re.search(r"invalid end states\t\+", self.said)
        return bool(full) and not re.search(r"not completed|depth too small|hash-compact|truncated", self.said)

    @property
    def violated(self) -> str:
        """The promise that was seen broken."""
        found = re.search(r"pan:\d+: (?:assertion violated )?(.+?) \(at depth", self.said)
        return found[1] if found else ""

    @property
    def unreached(self) -> set[tuple[str, str]]:
        """The statements that nobody came to: process, and line and text."""
        found = set()
        process = ""
        for line in self.said.splitlines():
            if named := re.match(r"unreached in (?:proctype )?(\w+)", line):
                process = named[1]
            elif statement := re.match(r'\t\S+?:(\d+), state \d+, "(.*)"', line):
                found.add((process, "-end-" if statement[2] == "-end-" else f"{statement[1]}: {statement[2]}"))
        return found

    def _number(self, pattern: str) -> float:
        found = re.search(pattern, self.said)
        assert found, self.said
        return float(found[1])


@functools.cache
def _verify(*definitions: str, optimised: bool = True) -> Verdict:
    """This will have spin look at every state of the model; what ends early is not worth optimising."""
    with tempfile.TemporaryDirectory() as directory:

        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=SECONDS)
            # pan itself ends with 0 whatever it has found.
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        run("spin", "-a", *(f"-D{definition}" for definition in definitions), str(MODEL))
        flags = ["-Og" if optimised else "-O0", "-w", "-DSAFETY", f"-DMEMLIM={MEMORY_MB}"]
        run("cc", *flags, "-o", "pan", "pan.c")
        return Verdict(run("./pan", f"-m{DEPTH}", "-w22"))


def _of_size(size: str) -> Verdict:
    return _verify(*(f"{name}={value}" for name, value in SIZES[size][0].items()))


@pytest.mark.parametrize("size", SIZES)
def test_keeps_every_promise_in_every_state(size: str) -> None:
    verdict = _of_size(size)
    assert verdict.errors == 0, verdict.violated
    assert verdict.complete, verdict.said
    assert verdict.states > SIZES[size][1]


def test_leaves_no_statement_untried() -> None:
    """Otherwise a promise would hold because nothing happens."""
    unreached = [_of_size(size).unreached for size in SIZES]
    assert set.intersection(*unreached) == NEVER_REACHED


@pytest.mark.parametrize("precaution", BROKEN)
def test_breaks_a_promise_without(precaution: str) -> None:
    size = (
        "two buckets, together and apart"
        if precaution == "PARTIAL_FENCE"
        else "writes there and back beside a stale mover"
    )
    definitions = [f"{name}={value}" for name, value in SIZES[size][0].items()]
    verdict = _verify(f"BROKEN_{precaution}", *definitions, optimised=False)
    assert verdict.errors == 1
    assert verdict.violated == BROKEN[precaution], verdict.said


def test_tries_every_precaution_of_the_model() -> None:
    assert set(re.findall(r"\bBROKEN_([A-Z_]+)", MODEL.read_text())) == set(BROKEN)
