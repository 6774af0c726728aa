"""services.sync.suspects: a row is said to differ when it does, and only then, whatever happens between the looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from services.sync.mapping.capabilities import Side
from services.sync.suspects import ENOUGH, Look, Pending, Suspect, Verdict

PENDING = Pending(first=1, last=3, held_up=False)
HELD_UP = Pending(first=1, last=3, held_up=True)


def _look(here: int | None, there: int | None, pending: Pending | None = None, side: Side = "monolith") -> Look:
    return Look(here, there, {} if pending is None else {side: pending})


def _verdicts(*looks: Look) -> list[Verdict | None]:
    suspect = Suspect()
    return [suspect.look(look) for look in looks]


@dataclass
class Row:
    """A row at its owner and at the other side, and a relay between them that does its work."""

    owner: int | None = 0
    other: int | None = 0
    outbox: list[tuple[int, int | None]] = field(default_factory=list)
    applied: int = 0
    writes: int = 0

    def write(self, *, delete: bool) -> None:
        self.writes += 1
        # No value comes back.
        self.owner = None if delete else self.writes
        self.outbox.append((self.writes, self.owner))

    def apply(self) -> None:
        for number, value in self.outbox:
            if number > self.applied:
                self.applied, self.other = number, value
                return

    def forget(self) -> None:
        if self.outbox and self.outbox[0][0] <= self.applied:
            self.outbox.pop(0)


STEPS = st.lists(st.sampled_from(["write", "delete", "apply", "forget"]), max_size=4)
LOOKS = st.lists(
    st.tuples(STEPS, st.permutations(["owner", "other", "outbox"]), STEPS, STEPS), min_size=ENOUGH, max_size=8
)


def _run(row: Row, steps: Sequence[str]) -> None:
    for step in steps:
        match step:
            case "write" | "delete":
                row.write(delete=step == "delete")
            case "apply":
                row.apply()
            case _:
                row.forget()


@given(LOOKS, st.booleans())
def test_a_row_on_its_way_never_differs(
    looks: list[tuple[list[str], list[str], list[str], list[str]]], monolith_owns: bool
) -> None:
    row, suspect = Row(), Suspect()
    for before, order, first, second in looks:
        _run(row, before)
        read: dict[str, object] = {}
        for what, between in zip(order, (first, second, []), strict=True):
            read[what] = list(row.outbox) if what == "outbox" else getattr(row, what)
            _run(row, between)
        pending = [number for number, _ in read["outbox"]]  # type: ignore[attr-defined]
        hashes = (read["owner"], read["other"]) if monolith_owns else (read["other"], read["owner"])
        held = {"monolith" if monolith_owns else "service": Pending(pending[0], pending[-1], False)} if pending else {}
        verdict = suspect.look(Look(*hashes, held))  # type: ignore[arg-type]
        assert verdict in {None, "same", "changing"}
        if verdict is not None:
            return
    assert suspect.give_up() in {"changing", "waiting"}


def test_a_row_that_stays_apart_with_nothing_under_way_differs() -> None:
    assert _verdicts(*[_look(1, 2)] * ENOUGH) == [*[None] * (ENOUGH - 1), "differs"]
    assert _verdicts(*[_look(1, None)] * ENOUGH)[-1] == "differs"


def test_a_row_that_becomes_equal_is_the_same() -> None:
    assert _verdicts(_look(1, 2, PENDING), _look(2, 2, PENDING)) == [None, "same"]
    assert _verdicts(_look(None, None)) == ["same"]


def test_a_change_in_between_begins_the_count_again() -> None:
    assert _verdicts(_look(1, 2), _look(1, 2), _look(1, 3), _look(1, 3), _look(1, 3))[2:] == [None, None, "differs"]
    assert _verdicts(_look(1, 2), _look(1, 2), _look(1, 2, PENDING), _look(1, 2), _look(1, 2))[-1] is None


def test_what_waits_for_people_is_set_aside() -> None:
    assert _verdicts(*[_look(1, 2, HELD_UP)] * ENOUGH)[-1] == "set aside"
    suspect = Suspect()
    suspect.look(_look(1, 2, HELD_UP))
    assert suspect.give_up() == "set aside"


def test_what_is_not_relayed_waits() -> None:
    suspect = Suspect()
    assert [suspect.look(_look(1, 2, PENDING)) for _ in range(20)] == [None] * 20
    assert suspect.give_up() == "waiting"


def test_what_changes_all_the_time_is_changing_once_its_first_changes_have_been_relayed() -> None:
    looks = [_look(n + 1, n, Pending(first=n, last=n + 2, held_up=False)) for n in range(1, 9)]
    verdicts = _verdicts(*looks)
    assert verdicts[4] == "changing"
    assert set(verdicts[:4]) == {None}
