"""gateway.migration.models: what the database itself refuses, whoever asks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from gateway.migration.models import CLOSED, Cutover, State
from services.sync import records

pytestmark = pytest.mark.django_db

OPEN = ("intended", "armed", "fenced", "drained", "decided", "owned")


def cutover(**said: object) -> Cutover:
    now = timezone.now()
    values = {
        "capability": "orders",
        "buckets": [1, 2],
        "source": "monolith",
        "target": "service",
        "epoch": 2,
        "started_at": now,
        "changed_at": now,
    }
    return Cutover.objects.create(**{**values, **said})


def goes_to(before: str, after: str) -> bool:
    """Tell whether a record may, and forget it."""
    try:
        with transaction.atomic():
            row = cutover(state=before)
            Cutover.objects.filter(pk=row.pk).update(state=after)
            raise _Undo
    except _Undo:
        return True
    except DatabaseError:
        return False


class _Undo(Exception):
    pass


def test_a_move_takes_its_steps_in_order_and_is_given_up_only_before_it_is_decided():
    found = {(one.value, two.value) for one in State for two in State if one != two and goes_to(one, two)}
    forward = [*OPEN, "done"]
    assert found == {
        *pairwise(forward),
        *((state, "reopening") for state in ("intended", "armed", "fenced", "drained")),
        ("reopening", "abandoned"),
    }


def test_the_mover_knows_the_same_states():
    assert {state.value for state in CLOSED} == records.CLOSED
    assert {"intended", "armed", "fenced", "drained"} == records.UNDECIDED


def test_one_open_move_of_a_capability_at_a_time():
    for state in ("done", "abandoned"):
        cutover(state=state)
    cutover(capability="products")
    cutover(state="owned")
    for state in (*OPEN, "reopening"):
        with pytest.raises(IntegrityError, match="cutover_one_open"), transaction.atomic():
            cutover(state=state, buckets=[9])


@pytest.mark.parametrize(
    "change", [{"epoch": 9}, {"buckets": [3]}, {"target": "monolith", "source": "service"}, {"capability": "products"}]
)
def test_what_was_intended_stays(change):
    row = cutover()
    with pytest.raises(DatabaseError), transaction.atomic():
        Cutover.objects.filter(pk=row.pk).update(**change)


def test_a_record_cannot_be_deleted():
    row = cutover()
    with pytest.raises(DatabaseError), transaction.atomic():
        row.delete()


@pytest.mark.parametrize("said", [{"buckets": []}, {"target": "monolith"}, {"capability": "fish"}, {"state": "lost"}])
def test_what_makes_no_sense_is_no_record(said):
    with pytest.raises(IntegrityError), transaction.atomic():
        cutover(**said)
