from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.proxy.compare import DIFFERENCES_KEPT, PLACES_KEPT, Comparison, Response, compare
from gateway.proxy.document import DEPTH_MOST, Member, under
from gateway.proxy.ignore import BadPattern, Rule, Rules, checked

JSON = (b"content-type", b"application/json")
SWAPPED = {"missing": "extra", "extra": "missing"}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
names = st.sampled_from(["sku", "number", "name", "price", "a b", "é"]) | st.text(max_size=4)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(names, inner, max_size=4)
        | st.lists(st.fixed_dictionaries({"sku": st.sampled_from("ABCDE"), "stock": inner}), max_size=4)
    ),
    max_leaves=16,
)


def said(body: Any = b"", *, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=[JSON] if headers is None else headers, body=raw)


def compared(primary: Any, candidate: Any, rules: Rules | None = None) -> Comparison:
    sides = [side if isinstance(side, Response) else said(side) for side in (primary, candidate)]
    return compare(*sides, capability="products", rules=rules or Rules())


def found(primary: Any, candidate: Any) -> set[tuple[str, str]]:
    return {(difference.path, difference.kind) for difference in compared(primary, candidate).differences}


def ways(document: Any, steps: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path to a value that is no container, as the keys and indices that lead there."""
    if isinstance(document, dict):
        return [way for name, held in document.items() for way in ways(held, (*steps, name))]
    if isinstance(document, list):
        return [way for index, held in enumerate(document) for way in ways(held, (*steps, index))]
    return [steps]


def mutated(document: Any, steps: tuple[Any, ...], value: Any) -> Any:
    if not steps:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    return changed


@settings(deadline=None)
@given(documents)
def test_a_document_does_not_differ_from_itself(document):
    # Written differently, so that it is the documents that are compared and not the bytes.
    primary, candidate = json.dumps(document).encode(), json.dumps(document, indent=1, sort_keys=True).encode()
    assert compared(primary, candidate).differences == ()


@settings(deadline=None)
@given(documents, documents)
def test_swapping_the_sides_swaps_missing_with_extra_and_nothing_else(primary, candidate):
    there, back = compared(primary, candidate), compared(candidate, primary)
    mirrored = [
        (found.path, SWAPPED.get(found.kind, found.kind), found.count, tuple((b, a) for a, b in found.places))
        for found in back.differences
    ]
    assert [(found.path, found.kind, found.count, found.places) for found in there.differences] == mirrored
    assert there.more == back.more


@settings(deadline=None)
@given(documents, documents)
def test_documents_are_alike_exactly_when_nothing_is_found(primary, candidate):
    # Python's own comparison takes 1 for True and 1.0, so the texts are compared.
    alike = json.dumps(primary, sort_keys=True) == json.dumps(candidate, sort_keys=True)
    assert (compared(primary, candidate).differences == ()) == alike


@settings(deadline=None)
@given(documents, st.data())
def test_any_single_change_is_found_at_its_place_and_nowhere_else(document, data):
    places = [way for way in ways(document) if not ({"sku", "number", "slug", "order"} & set(way))]
    assume(places)
    way = data.draw(st.sampled_from(places))
    changed = mutated(document, way, {"planted": "here"})
    differences = compared(document, changed).differences
    assert [found.kind for found in differences] == ["type"]
    where = differences[0].places[0][0]
    assert where is not None
    assert where == (_written(way) or ":body")


def _written(way: tuple[Any, ...]) -> str:
    path = ""
    for step in way:
        path = f"{path}[{step}]" if isinstance(step, int) else under(path, Member(step))
    return path


@settings(deadline=None)
@given(st.lists(scalars | st.lists(scalars, max_size=2), min_size=2, max_size=6), st.randoms())
def test_another_order_of_the_same_items_is_a_difference_of_order(items, random):
    shuffled = items[:]
    random.shuffle(shuffled)
    assume(json.dumps(items) != json.dumps(shuffled))
    assert found({"list": items}, {"list": shuffled}) == {("list", "order")}


@pytest.mark.parametrize(
    ("primary", "candidate", "expected"),
    [
        (b'{"n": 1}', b'{"n": 1.0}', {("n", "type")}),
        (b'{"n": 1.5}', b'{"n": 1.50}', {("n", "value")}),
        (b'{"n": 100000000000000000001}', b'{"n": 100000000000000000002}', {("n", "value")}),
        (b'{"n": 0.1000000000000000055}', b'{"n": 0.1}', {("n", "value")}),
        (b'{"n": 1e999999999999999999999}', b'{"n": 1}', {("n", "value")}),
        (b'{"n": NaN}', b'{"n": null}', {("n", "type")}),
        (b'{"n": NaN}', b'{"n":  NaN}', set()),
        (b'{"n": 1}', b'{"n": "1"}', {("n", "type")}),
        (b'{"n": true}', b'{"n": 1}', {("n", "type")}),
        (b'{"n": 1, "n": 1}', b'{"n": 1}', {("n#2", "missing")}),
        (b'{"n": 1, "n": 2}', b'{"n": 2, "n": 1}', {("n", "value"), ("n#2", "value")}),
        (b"[1]", b"{}", {(":body", "type")}),
        (b'{"a.b": 1}', b'{"a.b": 2}', {('["a.b"]', "value")}),
    ],
)
def test_nothing_that_a_reader_could_notice_is_lost(primary, candidate, expected):
    assert found(primary, candidate) == expected


def test_integers_of_any_length_are_read():
    digits = b"9" * 20_000
    assert found(b'{"n": ' + digits + b"8}", b'{"n": ' + digits + b"7}") == {("n", "value")}


@pytest.mark.parametrize("depth", [DEPTH_MOST + 1, 100_000])
def test_documents_that_are_too_deep_are_compared_as_bytes(depth):
    primary, candidate = b"[" * depth + b"1" + b"]" * depth, b"[" * depth + b"2" + b"]" * depth
    assert found(primary, candidate) == {(":body", "value")}


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
@pytest.mark.parametrize("more", [0, 2])
def test_documents_are_read_to_a_depth_that_does_not_depend_on_their_brackets(opening, closing, more):
    times = (DEPTH_MOST + more) // (len(closing))
    primary, candidate = (opening * times + leaf + closing * times for leaf in (b"1", b"2"))
    assert (found(primary, candidate) == {(":body", "value")}) == bool(more)


def test_brackets_in_strings_do_not_make_a_document_deep():
    text = '[{"\\' * 200
    assert found({"t": text, "n": 1}, {"t": text, "n": 2}) == {("n", "value")}


def test_items_that_say_who_they_are_are_compared_with_their_like():
    ours = {"results": [{"sku": sku, "stock": 1} for sku in "BCD"]}
    theirs = {"results": [{"sku": sku, "stock": 1 + (sku == "C")} for sku in "ABCD"]}
    assert found(ours, theirs) == {("results", "length"), ("results[*]", "extra"), ("results[*].stock", "value")}
    (changed,) = [each for each in compared(ours, theirs).differences if each.path == "results[*].stock"]
    assert changed.places == (("results[1].stock", "results[2].stock"),)


def test_items_in_another_order_are_still_compared_with_their_like():
    ours = [{"sku": "A", "stock": 1}, {"sku": "B", "stock": 1}]
    theirs = [{"sku": "B", "stock": 1}, {"sku": "A", "stock": 2}]
    assert found(ours, theirs) == {(":body", "order"), ("[*].stock", "value")}


def test_lists_of_other_lengths_are_compared_as_far_as_both_go():
    assert found([1, 2, 3], [1, 5]) == {(":body", "length"), ("[*]", "value")}


def test_a_repeated_key_tells_nobody_apart():
    ours = [{"sku": "A", "n": 1}, {"sku": "A", "n": 2}]
    assert found(ours, [{"sku": "A", "n": 1}, {"sku": "A", "n": 3}]) == {("[*].n", "value")}


def test_the_status_is_compared_and_all_else_follows_from_its_class():
    assert found(said({"a": 1}), said({"b": 1}, status=500, headers=[])) == {(":status", "value")}
    assert found(said({"a": 1}, status=404), said({"a": 2}, status=410)) == {(":status", "value"), ("a", "value")}


def test_an_orders_own_status_is_not_the_answers():
    assert found({"status": "paid"}, {"status": "placed"}) == {("status", "value")}


@pytest.mark.parametrize(
    ("primary", "candidate", "expected"),
    [
        ([JSON], [(b"Content-Type", b"application/json")], set()),
        ([JSON, (b"date", b"now")], [JSON, (b"date", b"then"), (b"server", b"x")], set()),
        ([JSON, (b"allow", b"GET")], [JSON], {(":header allow", "missing")}),
        ([JSON], [JSON, (b"link", b"</>")], {(":header link", "extra")}),
        ([JSON, (b"location", b"/a")], [JSON, (b"location", b"/b")], {(":header location", "value")}),
    ],
)
def test_only_chosen_headers_are_compared(primary, candidate, expected):
    assert found(said({}, headers=primary), said({}, headers=candidate)) == expected


@pytest.mark.parametrize(
    ("primary", "candidate", "expected"),
    [
        (said(b"a", headers=[]), said(b"b", headers=[]), {(":body", "value")}),
        (said(b"[1]", headers=[]), said(b"[2]", headers=[]), {(":body", "value")}),
        (said(b"[1]"), said(b"oops"), {(":body", "type")}),
        (said(b"\xff"), said(b"\xfe"), {(":body", "value")}),
        (said(b""), said(b"{}"), {(":body", "type")}),
    ],
)
def test_what_is_no_json_is_compared_as_bytes(primary, candidate, expected):
    assert found(primary, candidate) == expected


def test_a_body_that_was_too_large_differs_from_one_that_was_not():
    large = Response(status=200, headers=[JSON], body=None)
    assert found(large, said({})) == {(":body", "length")}
    assert found(large, large) == set()


def test_of_very_many_differences_the_rest_is_counted():
    size = DIFFERENCES_KEPT + 7
    comparison = compared({f"f{n}": 1 for n in range(size)}, {f"f{n}": 2 for n in range(size)})
    assert (len(comparison.differences), comparison.more) == (DIFFERENCES_KEPT, 7)


def test_one_field_of_many_items_is_one_difference_with_a_count():
    (difference,) = compared([{"n": 1}] * 100, [{"n": 2}] * 100).differences
    assert (difference.path, difference.count, len(difference.places)) == ("[*].n", 100, PLACES_KEPT)


def test_endless_names_and_depths_make_no_endless_paths():
    def nested(leaf: int) -> Any:
        document: Any = leaf
        for _ in range(60):
            document = {"é" * 10_000: document}
        return document

    (difference,) = compared(nested(1), nested(2)).differences
    assert difference.kind == "value"
    assert len(difference.path) < 1000


def rule(pattern: str, number: int = 1, capability: Any = None) -> Rule:
    return Rule(id=number, capability=capability, pattern=checked(pattern))


@pytest.mark.parametrize(
    ("pattern", "ignored"),
    [
        ("results[*].stock", {"results[*].stock"}),
        ("results", {"results[*].stock", "results[*].updated_at"}),
        ("results[*].*_at", {"results[*].updated_at"}),
        ("*_at", {"created_at"}),
        ("*", None),
        ("stock", set()),
        (":status", set()),
    ],
)
def test_a_rule_ignores_its_field_and_what_lies_beneath(pattern, ignored):
    ours = {"created_at": 1, "results": [{"stock": 1, "updated_at": 1}]}
    theirs = {"created_at": 2, "results": [{"stock": 2, "updated_at": 2}]}
    if ignored is None:
        with pytest.raises(BadPattern):
            checked(pattern)
        return
    comparison = compared(ours, theirs, Rules([rule(pattern, 7)]))
    left = {"created_at", "results[*].stock", "results[*].updated_at"} - ignored
    assert {difference.path for difference in comparison.differences} == left
    assert comparison.ignored == (frozenset({7}) if ignored else frozenset())


def test_a_rule_of_another_capability_ignores_nothing():
    comparison = compared({"a": 1}, {"a": 2}, Rules([rule("a", capability="orders")]))
    assert [difference.path for difference in comparison.differences] == ["a"]


def test_ignored_differences_take_no_others_place():
    size = DIFFERENCES_KEPT + 10
    ours, theirs = ({f"a{n}": side for n in range(size)} | {"z": side} for side in (1, 2))
    comparison = compared(ours, theirs, Rules([rule("a*")]))
    assert [difference.path for difference in comparison.differences] == ["z"]


@pytest.mark.parametrize(
    "pattern",
    ["", " ", "*", "[*]", "*[*].*", "a..b", "a.", ".a", "results[0]", "a b", ":nonsense", ":header ", "x" * 201],
)
def test_a_pattern_that_means_nothing_or_everything_is_refused(pattern):
    with pytest.raises(BadPattern):
        checked(pattern)


@settings(deadline=None)
@given(documents, documents)
def test_every_path_that_is_found_can_be_ignored(primary, candidate):
    for difference in compared(primary, candidate).differences:
        if difference.path.strip("[*]") and len(difference.path) <= 200:
            assert Rules([rule(difference.path)]).ignoring(difference.path, capability="orders") == 1
