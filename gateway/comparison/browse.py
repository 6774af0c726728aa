"""What there is to see of an endpoint and of a field."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Final

from django.urls import reverse

from gateway.comparison.models import Endpoint, Example, Field
from gateway.comparison.noise import Judged, Verdict

_ORDER: Final[dict[Verdict, int]] = {"difference": 0, "too few": 1, "noise": 2}
_CONTEXT: Final = 5
"""Lines shown around one that differs."""
_FOLDED_LEAST: Final = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A field in an endpoint's table."""

    field: Field
    judged: Judged
    p_value: str
    share: float
    """Of the endpoint's comparisons, 0..1."""
    link: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a body; `marked` where it differs."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Lines in a row, folded away where all of them are the same on both sides."""

    lines: tuple[Line, ...]
    folded: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an example."""

    title: str
    status: int
    headers: tuple[tuple[str, str, bool], ...]
    """Name, value, and whether the other side says something else."""
    status_marked: bool
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """An example."""

    example: Example
    sides: tuple[Side, Side]


def rows(endpoint: Endpoint) -> list[Row]:
    """Return an endpoint's fields, true differences first and then by how often."""
    found = [_row(field, endpoint) for field in endpoint.fields.order_by("-differing", "path", "kind")]
    # One that has only ever differed between the primary and itself is nobody's fault.
    return sorted((row for row in found if row.field.differing), key=lambda row: _ORDER[row.judged.verdict])


def pairs(field: Field) -> list[Pair]:
    """Return a field's examples, newest first."""
    return [Pair(example, _sides(example)) for example in field.examples.order_by("-at", "-pk")]


def _row(field: Field, endpoint: Endpoint) -> Row:
    judged = field.judged
    p_value = "< 0.0001" if judged.p_value < 0.0001 else f"{judged.p_value:.4f}"
    share = field.differing / endpoint.compared if endpoint.compared else 0.0
    link = reverse("admin:comparison_field_change", args=[field.pk])
    return Row(field=field, judged=judged, p_value=p_value, share=share, link=link)


def _sides(example: Example) -> tuple[Side, Side]:
    ours, theirs = example.primary_headers, example.candidate_headers
    differs = example.primary_status != example.candidate_status
    return (
        Side(
            title="Answered the shopper",
            status=example.primary_status,
            status_marked=differs,
            headers=tuple((name, value, theirs.get(name) != value) for name, value in sorted(ours.items())),
            runs=_runs(example.primary_body, example.primary_marked),
        ),
        Side(
            title="The other side",
            status=example.candidate_status,
            status_marked=differs,
            headers=tuple((name, value, ours.get(name) != value) for name, value in sorted(theirs.items())),
            runs=_runs(example.candidate_body, example.candidate_marked),
        ),
    )


def _runs(text: str, marked: list[int]) -> tuple[Run, ...]:
    """Return a body's lines, those far from every marked one folded away; none where nothing is marked."""
    lines = [Line(text=line, marked=number in marked) for number, line in enumerate(text.split("\n"))]
    near = {number for mark in marked for number in range(mark - _CONTEXT, mark + _CONTEXT + 1)}
    found: list[Run] = []
    for shown, numbered in groupby(enumerate(lines), lambda each: not marked or each[0] in near):
        held = tuple(line for _, line in numbered)
        found.append(Run(lines=held, folded=not shown and len(held) >= _FOLDED_LEAST))
    return tuple(found)


def percent(share: float) -> str:
    """Return a share of 0..1 in percent; a small one is never rounded to nothing."""
    if 0 < share < 0.0001:
        return "< 0.01 %"
    return f"{share * 100:.2f} %" if 0 < share < 0.1 else f"{share * 100:.1f} %"
