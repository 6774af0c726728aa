"""What is handed over at once is what would have been counted one by one."""

from __future__ import annotations

import asyncio
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from gateway.proxy.tally import ROUTED, Tally
from services.chassis import metrics

NAME = "http_server_request_duration_seconds"
_routes = count()

METHODS = st.sampled_from(("GET", "POST", "BREW", "get"))
STATUSES = st.sampled_from((200, 404, 499, 500, 502))
ERRORS = st.sampled_from(("", "client-gone", "upstream-timeout"))
SECONDS = st.one_of(st.floats(0, 12), st.sampled_from(metrics.BUCKETS), st.just(1e6))
ENDED = st.tuples(METHODS, STATUSES, ERRORS, SECONDS)


def samples(route: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample of a route, but when it was made."""
    return {
        (sample.name, tuple(sorted((key, value) for key, value in sample.labels.items() if key != "http_route"))): (
            round(sample.value, 6)
        )
        for metric in REGISTRY.collect()
        if metric.name == NAME
        for sample in metric.samples
        if sample.labels.get("http_route") == route and not sample.name.endswith("_created")
    }


@given(st.lists(ENDED, max_size=40), st.sets(st.integers(0, 40)))
@settings(max_examples=60, deadline=None)
def test_flushing_gives_what_observing_one_by_one_would_have(ended, flushes):
    mine, theirs = f"/tally/{next(_routes)}", f"/tally/{next(_routes)}"
    tally = Tally()
    for number, (method, status, error, seconds) in enumerate(ended):
        tally.began(method)
        tally.ended(method, route=mine, status=status, error=error, seconds=seconds)
        metrics.observe(method=method, route=theirs, status=status, error=error, seconds=seconds)
        if number in flushes:
            tally.flush()
    tally.flush()
    found = samples(mine)
    assert found == samples(theirs)
    assert bool(found) is bool(ended)
    # What has been handed over is not handed over again.
    tally.flush()
    assert samples(mine) == found


@given(st.lists(st.sampled_from(("GET", "POST", "A", "B", "end", "flush")), max_size=60))
@settings(max_examples=100, deadline=None)
def test_those_under_way_are_never_less_than_none(events):
    metrics.ACTIVE_REQUESTS.clear()
    tally = Tally()
    under_way: list[str] = []
    for event in [*events, *(["end"] * len(events)), "flush"]:
        if event == "flush":
            tally.flush()
            assert [active(method) for method in ("GET", "POST", metrics.OTHER_METHOD)] == [
                under_way.count("GET"),
                under_way.count("POST"),
                under_way.count("A") + under_way.count("B"),
            ]
        elif event != "end":
            under_way.append(event)
            tally.began(event)
        elif under_way:
            tally.ended(under_way.pop(0), route="/tally/active", status=200, error="", seconds=0)
    assert not under_way


def active(method: str) -> float:
    return REGISTRY.get_sample_value("http_server_active_requests", {"http_request_method": method}) or 0.0


def test_methods_that_clients_make_up_make_no_series():
    tally = Tally()
    for number in range(500):
        tally.began(f"ODD{number}")
        tally.ended(f"ODD{number}", route="/tally/odd", status=405, error="", seconds=0)
    tally.flush()
    assert {dict(labels)["http_request_method"] for _, labels in samples("/tally/odd")} == {metrics.OTHER_METHOD}
    labels = {"http_request_method": metrics.OTHER_METHOD, "http_route": "/tally/odd"}
    labels |= {"http_response_status_code": "405", "error_type": ""}
    assert REGISTRY.get_sample_value(f"{NAME}_count", labels) == 500
    assert active(metrics.OTHER_METHOD) == 0


def test_a_method_made_up_that_is_under_way_is_not_forgotten():
    tally = Tally()
    tally.began("BREW")
    for number in range(500):
        tally.began(f"ODD{number}")
        tally.ended(f"ODD{number}", route="/tally/odd", status=405, error="", seconds=0)
    tally.flush()
    tally.flush()
    assert active(metrics.OTHER_METHOD) == 1
    tally.ended("BREW", route="/tally/odd", status=405, error="", seconds=0)
    tally.flush()
    assert active(metrics.OTHER_METHOD) == 0


def test_where_requests_went_is_counted():
    series = ROUTED.labels("products", "monolith", "override")
    before = series._value.get()
    tally = Tally()
    for _ in range(3):
        tally.routed("products", "monolith", "override")
    assert series._value.get() == before
    tally.flush()
    tally.flush()
    assert series._value.get() == before + 3


def test_it_hands_over_by_itself_and_a_last_time_when_closed():
    series = ROUTED.labels("products", "service", "override")
    before = series._value.get()

    async def scenario() -> None:
        tally = Tally()
        tally.start()
        tally.routed("products", "service", "override")
        async with asyncio.timeout(30):
            while series._value.get() != before + 1:
                await asyncio.sleep(0.05)
        tally.routed("products", "service", "override")
        tally.close()
        assert series._value.get() == before + 2

    asyncio.run(scenario())
