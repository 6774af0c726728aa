"""Middleware of the Django components, outermost first: `observe`, `Problems`, `Identify`."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from services.chassis import deadline, log, metrics, trace
from services.chassis.identity import Principal, TokenError, Verifier, bearer
from services.chassis.problems import CONTENT_TYPE, Problem

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_logger = log.get(__name__)
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


def problem_response(problem: Problem) -> HttpResponse:
    """Return a problem as Django's answer."""
    return HttpResponse(problem.body(), content_type=CONTENT_TYPE, status=problem.status, headers=problem.headers)


def observe(get_response: GetResponse) -> Callable[[HttpRequest], HttpResponseBase]:
    """Continue trace and deadline, time the request, write one access line."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        here = trace.continued(
            traceparent=request.headers.get("traceparent"), request_id=request.headers.get("X-Request-Id")
        )
        token = trace.CURRENT.set(here)
        ending = deadline.ENDS_AT.set(deadline.told(request.headers.get(deadline.HEADER)))
        method = metrics.known_method(request.method or "")
        active = metrics.ACTIVE_REQUESTS.labels(method)
        active.inc()
        try:
            with structlog.contextvars.bound_contextvars(trace_id=here.trace_id, request_id=here.request_id):
                response = get_response(request)
                elapsed = time.perf_counter() - started
                match = request.resolver_match
                route = f"/{match.route}" if match else ""
                status = response.status_code
                metrics.observe(
                    method=method,
                    route=route,
                    status=status,
                    seconds=elapsed,
                    error=getattr(request, "error_type", ""),
                )
                if request.path not in _QUIET:
                    _logger.info("request", method=method, route=route, status=status, ms=round(elapsed * 1000, 1))
        finally:
            active.dec()
            trace.CURRENT.reset(token)
            deadline.ENDS_AT.reset(ending)
        response.headers["X-Request-Id"] = here.request_id
        return response

    return middleware


class Problems:
    """Turns what views raise into problem+json."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Problem):
            return problem_response(exception)
        if isinstance(exception, RequestDataTooBig):
            return problem_response(Problem("too-large"))
        if isinstance(exception, BadRequest):
            return problem_response(Problem("malformed"))
        request.error_type = type(exception).__name__  # type: ignore[attr-defined]
        _logger.error("unhandled_exception", detail=type(exception).__name__, exc_info=exception)
        return None


class Identify:
    """Believes the gateway's token on the API's paths: sets `request.principal`, None for the anonymous."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._prefixes: tuple[str, ...] = tuple(settings.API_PREFIXES)
        self._verifier = Verifier.from_file(
            audience=settings.COMPONENT, path=settings.IDENTITY_PUBLIC_KEYS_FILE, issuers=frozenset({"gateway"})
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.principal = None  # type: ignore[attr-defined]
        if request.path.startswith(self._prefixes):
            try:
                token = bearer(request.headers.get("Authorization"))
                if token is not None:
                    request.principal = self._verifier.verify(token).principal  # type: ignore[attr-defined]
            except TokenError:
                return problem_response(Problem("token-invalid"))
        return self.get_response(request)


def principal(request: HttpRequest) -> Principal | None:
    """Return who the request acts for, None for the anonymous."""
    found: Principal | None = getattr(request, "principal", None)
    return found


def require(request: HttpRequest, *scopes: str) -> Principal:
    """Return who the request acts for; the problem when nobody, or when none of the scopes is theirs."""
    found = principal(request)
    if found is None:
        raise Problem("unauthenticated")
    if not found.scopes.intersection(scopes):
        raise Problem("forbidden")
    return found
