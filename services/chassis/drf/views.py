"""The base of every view: checks come in the contract's order, and nothing is negotiated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from services.chassis.identity import Principal
from services.chassis.middleware import principal
from services.chassis.problems import Problem

Scopes = Mapping[str, tuple[str, ...]]
"""Per method, the scopes of which the caller needs one; none: anyone may."""

_READS = frozenset({"GET", "HEAD"})
_DRAINED_MAX = 16 << 20
"""Bytes."""


class ContractView(APIView):
    """A view whose refusals come in the contract's order: method, identity, size; then what its handler checks."""

    scopes: ClassVar[Scopes]
    """Every method that the view has is named."""
    http_method_names = ["get", "post", "patch", "delete", "head"]  # noqa: RUF012

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request._request)
        super().initial(request, *args, **kwargs)
        if request.method not in _READS:
            # Reading is what makes Django refuse a body that is too large, also where no body is wanted.
            _ = request._request.body

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        _drain(self.request._request)
        return super().finalize_response(request, response, *args, **kwargs)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise Problem("method-not-allowed", headers={"Allow": ", ".join(self.allowed_methods)})


def _drain(request: HttpRequest) -> None:
    """Read what is left of a body that was refused unread.

    A server that closes while its client is still sending resets the connection, and the answer is lost with it.
    """
    left = 0 if getattr(request, "_read_started", False) else _DRAINED_MAX
    while left > 0 and (chunk := request.read(min(left, 1 << 16))):
        left -= len(chunk)


def caller(request: Request) -> Principal:
    """Return who is asking; `unauthenticated` when nobody is known."""
    found = principal(request._request)
    if found is None:
        raise Problem("unauthenticated")
    return found


def document(request: Request) -> dict[str, Any]:
    """Return the request's JSON object.

    Problems: `unsupported-media-type`, then `malformed`. Numbers beyond what Python reads are malformed as well.
    """
    media_type = request._request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("unsupported-media-type")
    try:
        found = json.loads(request._request.body.decode(), parse_constant=_no_such_constant)
    except (ValueError, RecursionError):
        raise Problem("malformed") from None
    if not isinstance(found, dict):
        raise Problem("malformed")
    return found


def _no_such_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
