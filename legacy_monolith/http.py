"""Between Django's requests and the contract: methods, bodies, JSON answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from legacy_monolith import parsing
from services.chassis import contract
from services.chassis.problems import Problem

Handler = Callable[..., HttpResponse]


def resource(**handlers: Handler) -> Handler:
    """Return a view that answers each named method with its handler, HEAD as GET, and every other with 405."""
    if "GET" in handlers:
        handlers = {**handlers, "HEAD": handlers["GET"]}
    allow = ", ".join(sorted(handlers))

    @csrf_exempt
    def view(request: HttpRequest, **captured: str) -> HttpResponse:
        handler = handlers.get(request.method or "")
        if handler is None:
            raise Problem("method-not-allowed", headers={"Allow": allow})
        return handler(request, **captured)

    return view


def answer(
    value: Mapping[str, Any] | str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return JSON: a value, or a body that has been rendered before."""
    body = value if isinstance(value, str) else render(value)
    return HttpResponse(body, content_type="application/json", status=status, headers=dict(headers or {}))


def render(value: Mapping[str, Any]) -> str:
    """Return the value as compact JSON, members in their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parameters(request: HttpRequest) -> dict[str, str]:
    """Return the query's parameters. What is not UTF-8 reads as U+FFFD."""
    raw = request.META.get("QUERY_STRING", "")
    return parsing.query(raw.encode("latin-1").decode(errors="replace"))


def body(request: HttpRequest) -> dict[str, Any]:
    """Return the request's JSON object; the problem when it is too large, not JSON or not an object."""
    raw = drain(request)
    if request.content_type != "application/json":
        raise Problem("unsupported-media-type")
    try:
        return parsing.json_object(raw)
    except parsing.Malformed:
        raise Problem("malformed") from None


def drain(request: HttpRequest) -> bytes:
    """Return the request's body as sent; the problem when it is larger than any may be."""
    # A chunked body has no length, and Django takes it for empty.
    stream = request.META.get("wsgi.input")
    if request.META.get("wsgi.input_terminated") and not request.META.get("CONTENT_LENGTH") and stream is not None:
        raw: bytes = stream.read(contract.BODY_MAX + 1)
        if len(raw) > contract.BODY_MAX:
            raise Problem("too-large")
        return raw
    try:
        return request.body
    except UnreadablePostError:
        raise Problem("malformed") from None
