"""Every exception that can leave a view, as one of the contract's problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail, ValidationError

from services.chassis import log
from services.chassis.middleware import problem_response
from services.chassis.problems import FieldError, Problem, validation

_logger = log.get(__name__)

CODES: Final[Mapping[str, str]] = {
    "max_length": "too_long",
    "min_value": "too_small",
    "max_value": "too_large",
    **{code: code for code in ("required", "null", "blank", "empty", "too_many", "duplicate", "unknown_category")},
}
"""The contract's codes by the libraries' codes; any other is `invalid`."""

_SLUGS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (exceptions.NotAuthenticated, "unauthenticated"),
    (exceptions.AuthenticationFailed, "token-invalid"),
    (exceptions.PermissionDenied, "forbidden"),
    (PermissionDenied, "forbidden"),
    (exceptions.NotFound, "not-found"),
    (Http404, "not-found"),
    (exceptions.MethodNotAllowed, "method-not-allowed"),
    (exceptions.UnsupportedMediaType, "unsupported-media-type"),
    (exceptions.Throttled, "unavailable"),
    (RequestDataTooBig, "too-large"),
    (exceptions.ParseError, "malformed"),
    (BadRequest, "malformed"),
    (SuspiciousOperation, "malformed"),
    (OperationalError, "unavailable"),
    (InterfaceError, "unavailable"),
)


def answer(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Return the contract's answer to an exception, None for a bug, which Django then reports and answers."""
    problem = as_problem(error)
    if problem is None:
        return None
    if isinstance(error, OperationalError | InterfaceError):
        _logger.error("database_unavailable", detail=type(error).__name__, exc_info=error)
    return problem_response(problem)


def as_problem(error: Exception) -> Problem | None:
    """Return the problem that an exception stands for, None for a bug."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        return validation(list(field_errors(error.detail)))
    for kind, slug in _SLUGS:
        if isinstance(error, kind):
            return Problem(slug)
    return None


def field_errors(detail: Any, where: str = "") -> Iterator[FieldError]:
    """Yield the errors in REST framework's tree, in its order: the first of each field, with JSON pointers.

    The text of an `ErrorDetail` is the limit that was broken (see `services.chassis.drf.fields`), not a sentence.
    """
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = where if name == "non_field_errors" else f"{where}/{name}"
            yield from field_errors(inner, own)
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        if detail and isinstance(detail[0], ErrorDetail):
            yield field_error(where, code=detail[0].code, limit=str(detail[0]))
        else:
            for index, inner in enumerate(detail):
                yield from field_errors(inner, f"{where}/{index}")
    elif isinstance(detail, ErrorDetail):
        yield field_error(where, code=detail.code, limit=str(detail))


def field_error(where: str, *, code: str | None, limit: str) -> FieldError:
    """Return the contract's error for a library's code."""
    return FieldError(where, CODES.get(code or "", "invalid"), limit)
