"""services.chassis.trace"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import trace

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WELL_FORMED = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def test_it_continues_a_trace_with_a_span_of_its_own() -> None:
    here = trace.continued(traceparent=HEADER, request_id="abc")
    assert (here.trace_id, here.flags, here.request_id) == ("0af7651916cd43dd8448eb211c80319c", "01", "abc")
    assert here.span_id != "b7ad6b7169203331"
    assert trace.continued(traceparent=here.traceparent, request_id=None).trace_id == here.trace_id


@given(st.none() | st.text(), st.none() | st.text())
def test_it_makes_good_ids_of_whatever_it_is_sent(traceparent: str | None, request_id: str | None) -> None:
    here = trace.continued(traceparent=traceparent, request_id=request_id)
    assert WELL_FORMED.fullmatch(here.traceparent)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", here.request_id)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        HEADER.upper(),
        HEADER + "\n",
        HEADER[:-1],
    ],
)
def test_it_begins_anew_where_the_header_is_odd(header: str | None) -> None:
    one, two = (trace.continued(traceparent=header, request_id=None) for _ in range(2))
    assert one.trace_id != two.trace_id
    assert one.request_id == one.trace_id
    assert one.flags == "00"


def test_it_understands_later_versions() -> None:
    later = "cc" + HEADER[2:] + "-more"
    assert trace.continued(traceparent=later, request_id=None).trace_id == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("request_id", ["x" * 65, "a b", "a\n", "é", ""])
def test_it_does_not_repeat_an_odd_request_id(request_id: str) -> None:
    assert trace.continued(traceparent=None, request_id=request_id).request_id != request_id
