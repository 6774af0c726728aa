"""A cookie that nobody can make but the gateway."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.visitor import COOKIE, LIFETIME, Visitors

VISITORS = Visitors(secret="a secret")


def test_what_was_issued_is_read() -> None:
    seen = set()
    for _ in range(100):
        visitor, value = VISITORS.issue()
        assert VISITORS.read(value) == visitor
        assert len(visitor) == 16
        seen.add(visitor)
    assert len(seen) == 100


@given(st.text(max_size=60))
def test_what_was_not_is_nobody(value: str) -> None:
    assert VISITORS.read(value) is None


@given(st.integers(0, 38), st.sampled_from("Aa0_-.é"))
def test_no_character_of_it_can_be_changed(place: int, character: str) -> None:
    _, value = VISITORS.issue()
    changed = value[:place] + character + value[place + 1 :]
    # The last character of a signature holds four bits that mean nothing; they are compared all the same.
    assert (VISITORS.read(changed) is None) == (changed != value)


@pytest.mark.parametrize("spoilt", [None, "", "x" * 16, "x" * 16 + ".", " "])
def test_less_than_all_of_it_is_nobody(spoilt: str | None) -> None:
    assert VISITORS.read(spoilt) is None


def test_another_shops_cookie_is_nobodys_here() -> None:
    assert VISITORS.read(Visitors(secret="another").issue()[1]) is None


@pytest.mark.parametrize("secure", [True, False])
def test_the_header_keeps_it_from_scripts_and_other_sites(secure: bool) -> None:
    _, value = VISITORS.issue()
    header = VISITORS.set_cookie_header(value, secure=secure).decode()
    cookie = SimpleCookie(header)[COOKIE]
    assert cookie.value == value
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert int(cookie["max-age"]) == LIFETIME
    assert bool(cookie["secure"]) is secure
