from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.proxy import redact
from gateway.proxy.compare import Response
from gateway.proxy.redact import TEXT_KEPT, excerpt

KEY = b"k" * 16
ORDER = {
    "number": "TC-1",
    "customer": "c-4711",
    "ship_to": {"name": "Ada Lovelace", "street": "1 Byron Way", "city": "London", "extra": [1, {"a": "deep secret"}]},
    "lines": [{"sku": "A", "name": "Lamp"}],
    "note": "write to ada@example.com, Bearer abcdefgh.12345678",
    "api_token": "s3cr3t",
    "e-mail": None,
}
PRIVATE = ("c-4711", "Ada Lovelace", "Byron", "London", "deep secret", "ada@example", "abcdefgh", "s3cr3t")


def text_of(document: Any, places: set[str] | None = None, key: bytes = KEY) -> str:
    return excerpt(json.dumps(document).encode(), places=places or set(), key=key).text


def test_personal_data_and_secrets_are_gone_and_the_rest_is_there():
    text = text_of(ORDER)
    assert not [word for word in PRIVATE if word in text]
    assert '"number": "TC-1"' in text and '"name": "Lamp"' in text
    assert '"e-mail": null' in text


def test_within_one_example_equal_values_leave_equal_marks():
    one, same, other = ({"customer": name} for name in ("c-1", "c-1", "c-2"))
    assert text_of(one) == text_of(same) != text_of(other)
    assert text_of(one, key=KEY) != text_of(one, key=b"x" * 16)


def test_the_lines_that_differ_are_marked():
    found = excerpt(json.dumps({"a": 1, "results": [{"n": 1}, {"n": 2}]}).encode(), places={"results[1].n"}, key=KEY)
    assert [found.text.split("\n")[line].strip() for line in found.marked] == ['"n": 2']


def test_a_long_body_keeps_the_items_that_differ():
    document = {"results": [{"sku": f"S{n}", "text": "x" * 150} for n in range(100)]}
    found = excerpt(json.dumps(document).encode(), places={"results[70].text"}, key=KEY)
    assert len(found.text) <= TEXT_KEPT
    assert '"S0"' in found.text and '"S70"' in found.text and "… 69 more" in found.text and "… 29 more" in found.text
    assert len(found.marked) == 1


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=60,
    ),
    st.integers(1, 400),
)
def test_an_excerpt_is_bounded_and_can_be_stored(document, times):
    text = text_of([document] * times)
    assert len(text) <= TEXT_KEPT
    assert "\0" not in text
    text.encode("utf-8")


@pytest.mark.parametrize("body", [b"\xff\0\xfe", b'"\\ud800 \\u0000"', b"ada@example.com " * 4000, b"", None])
def test_any_bytes_have_an_excerpt(body):
    text = excerpt(body, places=set(), key=KEY).text
    assert "\0" not in text and "example.com" not in text and len(text) <= TEXT_KEPT
    text.encode("utf-8")


def test_no_header_is_kept_but_those_that_are_compared():
    headers = [(b"Content-Type", b"text/plain"), (b"set-cookie", b"tc_session=abc"), (b"authorization", b"Bearer x")]
    assert redact.headers(Response(status=200, headers=headers, body=b""), key=KEY) == {"content-type": "text/plain"}


@pytest.mark.parametrize(
    ("raw", "gone", "kept"),
    [
        (b"/orders?customer=c-4711&page=2", "c-4711", "/orders?customer="),
        (b"/orders?cust%6Fmer=c-4711", "c-4711", "/orders?"),
        (b"/products?search=ada%40example.com&page=2", "ada", "&page=2"),
        (b"/products?access_token=abc", "abc", "/products"),
        (b"/products?\xff\0=1", "\0", "/products"),
    ],
)
def test_private_values_are_taken_out_of_the_target(raw, gone, kept):
    text = redact.target(raw, key=KEY)
    assert gone not in text and kept in text


def test_a_harmless_target_stays_as_it_was():
    assert redact.target(b"/products?search=lamp&page=2", key=KEY) == "/products?search=lamp&page=2"
