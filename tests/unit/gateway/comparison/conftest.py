"""Comparisons as a data plane hands them over."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.proxy.compare import Response, compare
from gateway.proxy.ignore import NO_RULES, Rules
from gateway.proxy.shadow import Answers, Compared

Make = Callable[..., Compared]


def response(body: Any, status: int = 200) -> Response:
    return Response(status=status, headers=[(b"content-type", b"application/json")], body=json.dumps(body).encode())


def compared(
    primary: Any,
    candidate: Any,
    *,
    again: Any = None,
    capability: Any = "products",
    route: str = "/products/{sku}",
    target: bytes = b"/products/LAMP",
    rules: Rules = NO_RULES,
) -> Compared:
    """Return the comparison of two documents; `again` is the primary's second answer, where it was asked."""
    ours, theirs = response(primary), response(candidate)
    comparison = compare(ours, theirs, capability=capability, rules=rules)
    control = None if again is None else compare(ours, response(again), capability=capability, rules=rules)
    differs = bool(comparison.differences)
    return Compared(
        capability=capability,
        method="GET",
        route=route,
        result="different" if differs else "equal",
        comparison=comparison,
        control=control,
        answers=Answers(target=target, primary=ours, candidate=theirs) if differs else None,
    )


@pytest.fixture
def make() -> Make:
    return compared
