"""What writes have reached: read, joined, kept in a cookie that nobody can make but the gateway."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.position import (
    COOKIE,
    LIFETIME,
    LONGEST,
    NOWHERE,
    Position,
    PositionCookies,
    Positions,
    asked_for,
    merged,
    read,
    written,
)
from gateway.visitor import Visitors

COOKIES = PositionCookies(secret="a secret")
NUMBERS = st.integers(0, 10**18 - 1)
POSITION = st.builds(Position, st.sampled_from(["monolith", "service"]), NUMBERS, NUMBERS)
POSITIONS = st.dictionaries(st.sampled_from(["products", "orders"]), POSITION)
SOME = st.dictionaries(st.sampled_from(["products", "orders"]), POSITION, min_size=1)


def at(text: str) -> Position:
    return read([b"orders=" + text.encode()])["orders"]


@given(POSITIONS)
def test_what_was_written_is_read(positions) -> None:
    assert read([written(positions)]) == positions
    assert len(written(positions)) <= LONGEST


@given(SOME)
def test_what_was_issued_is_read(positions) -> None:
    value = COOKIES.issue(positions)
    assert COOKIES.read(value) == positions
    # What a cookie may hold, and what the storefront passes on.
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,1024}", value)


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_no_bytes_upset_it(values) -> None:
    found = read(values)
    assert read([written(found)]) == found


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([b"orders=monolith.3.12345"], b"orders=monolith.3.12345"),
        ([b"products=service.2.77,orders=monolith.3.1"], b"products=service.2.77, orders=monolith.3.1"),
        ([b"orders=monolith.3.1 ,\tproducts=service.2.77"], b"products=service.2.77, orders=monolith.3.1"),
        ([b"orders=monolith.3.1", b"products=service.2.77"], b"products=service.2.77, orders=monolith.3.1"),
        ([b"orders=monolith.003.01"], b"orders=monolith.3.1"),
        ([b"orders=monolith.3.1, carts=monolith.1.1"], b"orders=monolith.3.1"),
        ([b"orders=monolith.3.1, orders=monolith.3.2"], b"orders=monolith.3.2"),
        ([b"orders=monolith.3.2, orders=monolith.3.1"], b"orders=monolith.3.2"),
        ([b"nonsense, orders=monolith.3.1,"], b"orders=monolith.3.1"),
        ([], b""),
        ([b""], b""),
        ([b","], b""),
        ([b"orders=legacy.3.1"], b""),
        ([b"orders=Monolith.3.1"], b""),
        ([b"orders=monolith.3"], b""),
        ([b"orders=monolith.3.1.1"], b""),
        ([b"orders=monolith.-3.1"], b""),
        ([b"orders=monolith.+3.1"], b""),
        ([b"orders=monolith.3.1_0"], b""),
        ([b"orders=monolith.3.\xb2"], b""),
        (["orders=monolith.3.٣".encode()], b""),
        ([b"orders=monolith.3.1\r\nx: y"], b""),
        ([b"orders = monolith.3.1"], b""),
        ([b"orders=monolith.3." + b"1" * 19], b""),
        ([b"orders=monolith.3.1" + b"," * LONGEST], b""),
        ([b"orders=monolith.3.1"] * 20, b""),
    ],
)
def test_what_cannot_be_read_was_not_said(values, said) -> None:
    assert written(read(values)) == said


@pytest.mark.parametrize(
    ("known", "later", "kept"),
    [
        ("monolith.3.10", "monolith.3.11", "later"),
        ("monolith.3.10", "monolith.3.9", "known"),
        # Of two orders that have moved more and less often.
        ("monolith.3.10", "monolith.4.9", "known"),
        ("monolith.3.10", "monolith.2.11", "later"),
        ("monolith.3.10", "service.4.1", "later"),
        ("monolith.3.10", "service.3.1", "later"),
        ("service.4.1", "monolith.3.10", "later"),
    ],
)
def test_of_two_positions_the_later_is_kept(known, later, kept) -> None:
    one: Positions = {"orders": at(known)}
    other: Positions = {"orders": at(later)}
    assert merged(one, other) == (other if kept == "later" else one)


@given(POSITIONS, POSITIONS)
def test_each_capability_is_kept_for_itself(known, later) -> None:
    both = merged(known, later)
    assert both.keys() == known.keys() | later.keys()
    for name, position in both.items():
        assert position in (known.get(name), later.get(name))
        assert merged({name: position}, {name: position}) == {name: position}
    assert merged(both, later) == both


def test_a_read_is_told_of_its_own_capability_only() -> None:
    kept = read([b"orders=monolith.3.10, products=service.2.7"])
    assert asked_for("orders", kept=kept, said=()) == b"orders=monolith.3.10"
    assert asked_for("products", kept=kept, said=()) == b"products=service.2.7"
    assert asked_for("orders", kept=kept, said=[b"orders=monolith.3.11"]) == b"orders=monolith.3.11"
    assert asked_for("orders", kept=kept, said=[b"orders=monolith.3.9"]) == b"orders=monolith.3.10"
    assert asked_for("orders", kept=kept, said=[b"\x00"]) == b"orders=monolith.3.10"
    assert asked_for("orders", kept=NOWHERE, said=[b"products=service.2.7"]) is None
    assert asked_for("orders", kept=NOWHERE, said=[b"\xff"]) is None


@given(st.text(max_size=80))
def test_a_cookie_that_was_not_issued_says_nothing(value) -> None:
    assert COOKIES.read(value) is None


@given(SOME, st.data())
def test_no_character_of_a_cookie_can_be_changed(positions, data) -> None:
    value = COOKIES.issue(positions)
    place = data.draw(st.integers(0, len(value) - 1))
    changed = value[:place] + data.draw(st.sampled_from("Aa0_-.é")) + value[place + 1 :]
    assert (COOKIES.read(changed) is None) == (changed != value)


def test_neither_another_shops_cookie_nor_another_cookies_signature_is_believed() -> None:
    positions = read([b"orders=monolith.3.10"])
    assert COOKIES.read(PositionCookies(secret="another").issue(positions)) is None
    text = "orders.monolith.3.10"
    assert COOKIES.read(f"{text}.{Visitors(secret='a secret')._signature(text)}") is None


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie_is_kept_from_scripts_and_other_sites_and_not_for_long(secure) -> None:
    value = COOKIES.issue(read([b"orders=monolith.3.10"]))
    cookie = SimpleCookie(COOKIES.set_cookie_header(value, secure=secure).decode())[COOKIE]
    assert cookie.value == value
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert int(cookie["max-age"]) == LIFETIME == 300
    assert bool(cookie["secure"]) is secure
