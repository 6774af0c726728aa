"""Two answers to the same request -> typed differences. Pure: no I/O.

A path is where in the answer: `:status`, `:header location`, `:body` (all of it), or a field of a JSON body with list
indices left out, `results[*].price.amount`. Kinds, as the candidate stands to the primary:

type      another JSON type; or JSON on one side only; or an integer here and a fraction there
missing   only the primary has it
extra     only the candidate has it
value     the same type, another value
order     the same items in another order
length    another number of items

Differences hold places, never values, so that nothing personal travels with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, get_args

from gateway.proxy.document import Member, NotJson, Number, Object, Value, kind_of, parse, under
from gateway.proxy.headers import Headers, values
from gateway.proxy.ignore import NO_RULES, Rules
from gateway.routing.table import Capability

Kind = Literal["type", "missing", "extra", "value", "order", "length"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

HEADERS_COMPARED: Final = (
    b"allow",
    b"cache-control",
    b"content-type",
    b"link",
    b"location",
    b"retry-after",
    b"www-authenticate",
)
DIFFERENCES_KEPT: Final = 50
"""Distinct (path, kind) of one comparison; further ones are counted only."""
PLACES_KEPT: Final = 8
STATUS, BODY = ":status", ":body"

# Items that say who they are are compared with their like. By position, one product more at the front would make
# every field of every item differ, and hide what happened.
_NATURAL_KEYS: Final = (Member("sku"), Member("number"), Member("slug"), Member("order"))
_PATH_MOST: Final = 240

Place = tuple[str | None, str | None]
"""A path with its indices at the primary and at the candidate; None where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What one side answered. `body` is None when it was larger than is kept."""

    status: int
    headers: Headers
    body: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field that differs in one way."""

    path: str
    kind: Kind
    count: int
    """In how many places."""
    places: tuple[Place, ...]
    """The first few of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two answers differ in, once what the rules ignore is left out."""

    differences: tuple[Difference, ...]
    more: int
    """Distinct (path, kind) beyond those in `differences`."""
    ignored: frozenset[int]
    """The rules that ignored something."""


@dataclass(slots=True)
class _Found:
    differences: dict[tuple[str, Kind], list[Place]] = field(default_factory=dict)
    counts: Counter[tuple[str, Kind]] = field(default_factory=Counter)

    def note(self, path: str, kind: Kind, place: Place) -> None:
        key = path or BODY, kind
        self.counts[key] += 1
        places = self.differences.setdefault(key, [])
        if len(places) < PLACES_KEPT:
            places.append((BODY if place[0] == "" else place[0], BODY if place[1] == "" else place[1]))


def compare(primary: Response, candidate: Response, *, capability: Capability, rules: Rules = NO_RULES) -> Comparison:
    """Return what the candidate's answer differs in from the primary's.

    Swapping the two swaps `missing` with `extra` and the sides of every place, and changes nothing else. Where the
    statuses are of different classes everything else follows from that, and is not compared. A body that was too
    large to keep is compared with nothing but that.
    """
    found = _Found()
    if primary.status != candidate.status:
        found.note(STATUS, "value", (STATUS, STATUS))
    if primary.status // 100 == candidate.status // 100:
        _compare_headers(primary.headers, candidate.headers, found)
        _compare_bodies(primary, candidate, found)
    return _without_ignored(found, capability, rules)


def _without_ignored(found: _Found, capability: Capability, rules: Rules) -> Comparison:
    kept: list[Difference] = []
    ignored: set[int] = set()
    more = 0
    for (path, kind), places in found.differences.items():
        rule = rules.ignoring(path, capability=capability)
        if rule is not None:
            ignored.add(rule)
        elif len(kept) == DIFFERENCES_KEPT:
            more += 1
        else:
            kept.append(Difference(path=path, kind=kind, count=found.counts[path, kind], places=tuple(places)))
    return Comparison(differences=tuple(kept), more=more, ignored=frozenset(ignored))


def _compare_headers(primary: Headers, candidate: Headers, found: _Found) -> None:
    ours = [(name.lower(), value) for name, value in primary]
    theirs = [(name.lower(), value) for name, value in candidate]
    for name in HEADERS_COMPARED:
        said, echoed = values(ours, name), values(theirs, name)
        if said != echoed:
            path = f":header {name.decode()}"
            kind: Kind = "value" if said and echoed else "missing" if said else "extra"
            found.note(path, kind, (path if said else None, path if echoed else None))


def _compare_bodies(primary: Response, candidate: Response, found: _Found) -> None:
    if primary.body is None or candidate.body is None:
        if primary.body is not candidate.body:
            found.note(BODY, "length", (BODY, BODY))
        return
    if primary.body == candidate.body:
        return
    ours, theirs = _json(primary), _json(candidate)
    if ours is not None and theirs is not None:
        _compare_values(ours[0], theirs[0], "", ("", ""), found)
    else:
        found.note(BODY, "value" if ours is theirs else "type", (BODY, BODY))


def _json(response: Response) -> tuple[Value] | None:
    """Return the body's value in a tuple, so that JSON's null is told from no JSON."""
    said = b",".join(value for name, value in response.headers if name.lower() == b"content-type")
    if b"json" not in said.lower() or response.body is None:
        return None
    try:
        return (parse(response.body),)
    except NotJson:
        return None


def _compare_values(primary: Value, candidate: Value, path: str, at: tuple[str, str], found: _Found) -> None:
    # Equality is exact here: documents hold no int and no float.
    if primary == candidate:
        return
    if isinstance(primary, dict) and isinstance(candidate, dict) and len(path) < _PATH_MOST:
        _compare_objects(primary, candidate, path, at, found)
    elif isinstance(primary, list) and isinstance(candidate, list) and len(path) < _PATH_MOST:
        _compare_lists(primary, candidate, path, at, found)
    elif isinstance(primary, Number) and isinstance(candidate, Number):
        found.note(path, _of_numbers(primary, candidate), at)
    else:
        found.note(path, "value" if kind_of(primary) == kind_of(candidate) else "type", at)


def _compare_objects(primary: Object, candidate: Object, path: str, at: tuple[str, str], found: _Found) -> None:
    for member in sorted(primary.keys() | candidate.keys()):
        here, there = under(at[0], member), under(at[1], member)
        if member not in candidate:
            found.note(under(path, member), "missing", (here, None))
        elif member not in primary:
            found.note(under(path, member), "extra", (None, there))
        else:
            _compare_values(primary[member], candidate[member], under(path, member), (here, there), found)


def _compare_lists(primary: list[Value], candidate: list[Value], path: str, at: tuple[str, str], found: _Found) -> None:
    if len(primary) != len(candidate):
        found.note(path, "length", at)
    ours, theirs = _positions(primary, candidate)
    if ours is not None and theirs is not None:
        if [key for key in ours if key in theirs] != [key for key in theirs if key in ours]:
            found.note(path, "order", at)
        for key in sorted(ours.keys() | theirs.keys()):
            here, there = ours.get(key), theirs.get(key)
            if here is None or there is None:
                place = (_item(at[0], here), _item(at[1], there))
                found.note(f"{path}[*]", "missing" if there is None else "extra", place)
            else:
                _compare_items(primary, candidate, path, at, found, (here, there))
    elif len(primary) == len(candidate) and Counter(map(_frozen, primary)) == Counter(map(_frozen, candidate)):
        found.note(path, "order", at)
    else:
        for index in range(min(len(primary), len(candidate))):
            _compare_items(primary, candidate, path, at, found, (index, index))


def _compare_items(
    primary: list[Value],
    candidate: list[Value],
    path: str,
    at: tuple[str, str],
    found: _Found,
    indices: tuple[int, int],
) -> None:
    here, there = indices
    places = (f"{at[0]}[{here}]", f"{at[1]}[{there}]")
    _compare_values(primary[here], candidate[there], f"{path}[*]", places, found)


def _item(at: str, index: int | None) -> str | None:
    return None if index is None else f"{at}[{index}]"


def _positions(
    primary: list[Value], candidate: list[Value]
) -> tuple[dict[str, int], dict[str, int]] | tuple[None, None]:
    """Return where each side has which item, by the first natural key that tells the items of both sides apart."""
    for key in _NATURAL_KEYS:
        ours, theirs = list(_named(primary, key)), list(_named(candidate, key))
        if len(set(ours)) == len(primary) and len(set(theirs)) == len(candidate):
            return (
                {name: index for index, name in enumerate(ours)},
                {name: index for index, name in enumerate(theirs)},
            )
    return None, None


def _named(items: list[Value], key: Member) -> Iterator[str]:
    for item in items:
        name = item.get(key) if isinstance(item, dict) else None
        if isinstance(name, str):
            yield name


def _frozen(value: Value) -> Hashable:
    if isinstance(value, list):
        return ("array", tuple(map(_frozen, value)))
    if isinstance(value, dict):
        return ("object", frozenset((member, _frozen(held)) for member, held in value.items()))
    return value


def _of_numbers(primary: Number, candidate: Number) -> Kind:
    """Return how two numbers with different texts differ: `type` where only one of `1` and `1.0` is an integer."""
    whole = [number.text.lstrip("-").isdigit() for number in (primary, candidate)]
    try:
        same = Decimal(primary.text) == Decimal(candidate.text)
    except InvalidOperation:
        same = False
    return "type" if same and whole[0] != whole[1] else "value"
