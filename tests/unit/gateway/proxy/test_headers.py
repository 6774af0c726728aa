"""What crosses the hop, for any headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy import headers as fields
from services.chassis.trace import Trace

TRACE = Trace(trace_id="1" * 32, span_id="2" * 16, flags="01", request_id="req-1")
OWN = frozenset({b"tc_identity", b"sessionid"})

names = st.sampled_from(
    [
        b"accept",
        b"connection",
        b"te",
        b"upgrade",
        b"x-private",
        b"x-kept",
        b"authorization",
        b"x-user-id",
        b"x-forwarded-for",
        b"cookie",
        b"keep-alive",
        b"proxy-authorization",
        b"traceparent",
    ]
)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12).map(str.encode)
lists = st.lists(st.tuples(names, values), max_size=12)


def sent(headers: list[fields.Header], *, token: str | None = "minted", trusted: bool = False) -> fields.Headers:
    request = fields.sort(headers)
    cookie = fields.cookies(b"; ".join(request.values(b"cookie")), OWN)[1]
    return fields.to_upstream(
        request,
        host=b"legacy:8000",
        cookie=cookie,
        client="203.0.113.9",
        scheme="http",
        trace=TRACE,
        token=token,
        timeout=1.5,
        trust_forwarded=trusted,
    )


@given(lists)
def test_no_hop_by_hop_field_goes_up(headers: list[fields.Header]) -> None:
    assert not {name for name, _ in sent(headers)} & fields.HOP_BY_HOP


@given(lists)
def test_no_hop_by_hop_field_comes_down(headers: list[fields.Header]) -> None:
    assert not {name for name, _ in fields.to_client(headers, request_id="r")} & fields.HOP_BY_HOP


@given(lists)
def test_the_only_identity_that_goes_up_is_the_minted_one(headers: list[fields.Header]) -> None:
    assert fields.values(sent(headers), b"authorization") == [b"Bearer minted"]
    assert fields.values(sent(headers, token=None), b"authorization") == []
    assert not [name for name, _ in sent(headers) if name.startswith(b"x-user")]


@given(lists)
def test_there_is_one_host_one_trace_and_one_request_id(headers: list[fields.Header]) -> None:
    up = sent([*headers, (b"host", b"shop.test"), (b"x-request-id", b"theirs")])
    assert fields.values(up, b"host") == [b"legacy:8000"]
    assert fields.values(up, b"traceparent") == [TRACE.traceparent.encode()]
    assert fields.values(up, b"x-request-id") == [b"req-1"]


@pytest.mark.parametrize("option", [b"x-private", b"X-Private", b" x-private , close"])
def test_fields_named_in_connection_are_dropped_both_ways(option: bytes) -> None:
    headers = [(b"connection", option), (b"x-private", b"1"), (b"x-kept", b"2")]
    for crossed in (sent(headers), fields.to_client(headers, request_id="r")):
        assert fields.values(crossed, b"x-private") == []
        assert fields.values(crossed, b"x-kept") == [b"2"]


def test_repeated_fields_stay_repeated_and_in_order() -> None:
    crossed = fields.to_client([(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")], request_id="r")
    assert fields.values(crossed, b"set-cookie") == [b"a=1", b"b=2"]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"tc_identity=x; theme=dark; sessionid=y", [b"theme=dark"]),
        (b"sessionid=y", []),
        (b"a=1;b=2", [b"a=1; b=2"]),
        (b"sessionid_not=1", [b"sessionid_not=1"]),
    ],
)
def test_the_gateways_own_cookies_stay_here(line: bytes, kept: list[bytes]) -> None:
    assert fields.values(sent([(b"cookie", line)]), b"cookie") == kept


def test_what_a_stranger_says_about_earlier_hops_is_not_believed() -> None:
    headers = [(b"host", b"shop.test"), (b"x-forwarded-for", b"10.0.0.1"), (b"x-forwarded-proto", b"https")]
    up = sent(headers)
    assert fields.values(up, b"x-forwarded-for") == [b"203.0.113.9"]
    assert fields.values(up, b"x-forwarded-proto") == [b"http"]
    assert fields.values(up, b"forwarded") == [b'for=203.0.113.9;host="shop.test";proto=http']


def test_what_a_trusted_proxy_says_about_earlier_hops_is_kept() -> None:
    headers = [(b"host", b"shop.test"), (b"x-forwarded-for", b"10.0.0.1"), (b"x-forwarded-proto", b"https")]
    up = sent(headers, trusted=True)
    assert fields.values(up, b"x-forwarded-for") == [b"10.0.0.1, 203.0.113.9"]
    assert fields.values(up, b"x-forwarded-proto") == [b"https"]


def test_via_is_appended_to() -> None:
    assert fields.values(sent([(b"via", b"1.0 other")]), b"via") == [b"1.0 other, 1.1 techcommerce-gateway"]
