"""services.sync.judgement"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.sync.judgement import Kind, judge
from services.sync.owners import Holding, View
from services.sync.records import Record

WELL = View(
    capability="products",
    monolith=Holding(salt="s", capturing=True, owners={0: ("self", 3)}, waiting=0, set_aside=0),
    service=Holding(salt="s", capturing=True, owners={0: ("peer", 3)}, waiting=2, set_aside=0),
    salt="s",
    writes=0,
    records=(),
)
OPEN = Record(
    id=7,
    capability="products",
    buckets=[0],
    source="monolith",
    target="service",
    epoch=4,
    state="fenced",
    by="",
    reason="",
)


def kinds(view: View, *, moving: bool = False) -> list[Kind]:
    return [finding.kind for finding in judge(view, moving=moving)]


def owners(monolith: tuple[str, int], service: tuple[str, int], **changes: object) -> View:
    return replace(
        WELL,
        monolith=replace(WELL.monolith, owners={0: monolith}),
        service=replace(WELL.service, owners={0: service}),
        writes=1024 if service[0] == "self" else 0,
        **changes,  # type: ignore[arg-type]
    )


def test_finds_nothing_where_all_is_well() -> None:
    assert kinds(WELL) == []
    assert kinds(owners(("peer", 4), ("self", 4))) == []
    # Reopened: the other side hears of it only when it owns again.
    assert kinds(owners(("self", 5), ("peer", 3))) == []


def test_finds_two_owners() -> None:
    view = owners(("self", 3), ("self", 4))
    assert kinds(view) == ["two owners"]
    assert judge(view, moving=False)[0].says == (
        "both sides own buckets 0: the monolith since epoch 3, the service since epoch 4"
    )


def test_finds_an_owner_of_the_past() -> None:
    assert kinds(owners(("self", 3), ("peer", 4))) == ["stale owner"]
    assert kinds(owners(("none", 4), ("self", 3))) == ["stale owner"]


def test_finds_what_nobody_owns_unless_a_move_explains_it() -> None:
    fenced = ("none", 4), ("peer", 3)
    assert kinds(owners(*fenced)) == ["no owner"]
    assert kinds(owners(("peer", 4), ("peer", 4))) == ["no owner"]
    assert kinds(owners(*fenced, records=[OPEN])) == ["interrupted"]
    assert kinds(owners(*fenced, records=[OPEN]), moving=True) == []


def test_finds_salts_that_differ() -> None:
    assert kinds(replace(WELL, salt="t")) == ["salts"]
    assert kinds(replace(WELL, service=replace(WELL.service, salt="t"))) == ["salts"]
    unarmed = replace(WELL.service, salt=None, capturing=False)
    assert kinds(replace(WELL, service=unarmed)) == ["half armed"]
    assert kinds(replace(WELL, service=unarmed, monolith=replace(WELL.monolith, salt=None, capturing=False))) == []


def test_finds_changes_that_were_set_aside() -> None:
    assert kinds(replace(WELL, service=replace(WELL.service, set_aside=1))) == ["set aside"]


def test_finds_routing_that_differs_unless_it_is_being_moved() -> None:
    view = replace(WELL, writes=1024)
    assert kinds(view) == ["routing"]
    assert "ahead of ownership" in judge(view, moving=False)[0].says
    assert kinds(view, moving=True) == []


OWNERS = st.dictionaries(
    st.integers(0, 1023), st.tuples(st.sampled_from(["self", "peer", "none"]), st.integers(1, 5)), max_size=40
)


@given(OWNERS, OWNERS)
def test_says_all_is_well_exactly_when_the_invariant_holds(
    here: Mapping[int, tuple[str, int]], there: Mapping[int, tuple[str, int]]
) -> None:
    at_monolith = {bucket: here.get(bucket, ("self", 1)) for bucket in range(1024)}
    at_service = {bucket: there.get(bucket, ("peer", 1)) for bucket in range(1024)}
    view = replace(
        WELL,
        capability="orders",
        monolith=replace(WELL.monolith, owners=at_monolith),
        service=replace(WELL.service, owners=at_service),
    )
    holds = all(
        ("self" in (one[0], two[0]))
        and not (one[0] == two[0] == "self")
        and (one if one[0] == "self" else two)[1] == max(one[1], two[1])
        for one, two in ((at_monolith[bucket], at_service[bucket]) for bucket in range(1024))
    )
    assert (not set(kinds(view)) & {"two owners", "stale owner", "no owner"}) == holds
