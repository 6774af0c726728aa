"""Access tokens for API clients."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from gateway import tokens
from gateway.accounts import identity, throttle
from gateway.accounts.login import WrongCredentials, prove
from services.chassis import contract
from services.chassis.middleware import problem_response
from services.chassis.problems import CONTENT_TYPE, FieldError, Problem, validation

_LIMITS = {"email": 254, "password": 1024}


@csrf_exempt
@sensitive_variables("credentials")
def token(request: HttpRequest) -> HttpResponse:
    """Answer with an access token for an e-mail address and its password."""
    try:
        if request.method != "POST":
            raise Problem("method-not-allowed", headers={"Allow": "POST"})
        credentials = _read(request)
        user = prove(request, **credentials, now=timezone.now())
    except Problem as problem:
        response = problem_response(problem)
    except WrongCredentials:
        response = problem_response(Problem("unauthenticated", detail="The e-mail address or the password is wrong."))
    except throttle.TooManyFailures as too_many:
        response = _too_many(too_many)
    else:
        response = JsonResponse(
            {"access_token": identity.access_token(user), "token_type": "Bearer", "expires_in": tokens.ACCESS_LIFETIME}
        )
    response["Cache-Control"] = "no-store"
    return response


def _read(request: HttpRequest) -> dict[str, str]:
    if request.content_type != "application/json":
        raise Problem("unsupported-media-type")
    try:
        body = json.loads(request.body.decode("utf-8"))
    except RequestDataTooBig:
        raise Problem("too-large") from None
    except (ValueError, RecursionError):
        raise Problem("malformed") from None
    if not isinstance(body, dict):
        raise Problem("malformed")
    errors = [FieldError(f"/{name}", code, _LIMITS[name]) for name in _LIMITS if (code := _wrong(body, name))]
    if errors:
        raise validation(errors)
    return {name: body[name] for name in _LIMITS}


def _wrong(body: dict[str, Any], name: str) -> str | None:
    if name not in body:
        return "required"
    value = body[name]
    if value is None:
        return "null"
    if not isinstance(value, str) or not contract.storable(value):
        return "invalid"
    if not value:
        return "blank"
    return "too_long" if len(value) > _LIMITS[name] else None


def _too_many(too_many: throttle.TooManyFailures) -> HttpResponse:
    # Not one of the contract's types: `about:blank` says no more than the status does (RFC 9457, 4.2.1).
    body = {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many failed attempts; see Retry-After.",
    }
    return HttpResponse(
        json.dumps(body), content_type=CONTENT_TYPE, status=429, headers={"Retry-After": str(too_many.seconds)}
    )
