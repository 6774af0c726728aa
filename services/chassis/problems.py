"""Errors as `application/problem+json` (RFC 9457): the catalogue of types, and what raises and renders them.

Problem            any answer of `docs/contract.md`, "Problem types"
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

CONTENT_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem type: what a client may switch on."""

    slug: str
    status: int
    title: str
    detail: str
    """Said when the raiser has nothing more exact to say."""

    @property
    def type(self) -> str:
        return f"/problems/{self.slug}"


_KINDS = (
    Kind("malformed", 400, "Malformed request", "The body must be one JSON object in UTF-8."),
    Kind("idempotency-key-missing", 400, "Idempotency-Key required", "Send an Idempotency-Key of your own choosing."),
    Kind("idempotency-key-invalid", 400, "Idempotency-Key invalid", "Use 1 to 255 visible ASCII characters."),
    Kind("unauthenticated", 401, "Authentication required", "Log in, or send a bearer token."),
    Kind("token-invalid", 401, "Token invalid", "The bearer token is expired, forged or meant for another audience."),
    Kind("forbidden", 403, "Not allowed", "This identity may not do that."),
    Kind("not-found", 404, "Not found", "There is no such thing here."),
    Kind("no-such-page", 404, "No such page", "The list has fewer pages."),
    Kind("method-not-allowed", 405, "Method not allowed", "This resource does not support that method."),
    Kind("insufficient-stock", 409, "Not enough stock", "Some lines ask for more than there is."),
    Kind("idempotency-key-in-flight", 409, "Request in progress", "The first request with this key is still running."),
    Kind("illegal-transition", 409, "Status change not possible", "The order cannot go from this status to that one."),
    Kind("reservation-settled", 409, "Reservation already settled", "The reservation has reached another final state."),
    Kind("sku-taken", 409, "SKU already exists", "Another product has, or had, this sku."),
    Kind("too-large", 413, "Request too large", "The body may have at most 1 MiB."),
    Kind("unsupported-media-type", 415, "Unsupported media type", "Send application/json."),
    Kind("misdirected", 421, "Misdirected request", "Another side owns this, or knows more of it."),
    Kind("validation", 422, "Invalid request", "Some values cannot be used; see errors."),
    Kind("idempotency-key-reused", 422, "Idempotency-Key reused", "This key was used with another payload."),
    Kind("reservation-mismatch", 422, "Reservation differs", "This order has a reservation with other lines."),
    Kind("internal", 500, "Internal error", "Something went wrong on our side."),
    Kind("not-implemented", 501, "Not implemented", "This is not offered here."),
    Kind("upstream-unreachable", 502, "Upstream unreachable", "The component behind this path did not answer."),
    Kind("unavailable", 503, "Temporarily unavailable", "A needed component did not answer; try again."),
    Kind("upstream-timeout", 504, "Upstream timed out", "The component behind this path took too long."),
)
KINDS: Final[Mapping[str, Kind]] = {kind.slug: kind for kind in _KINDS}

_FIELD_DETAILS: Final = {
    "required": "This field is required.",
    "null": "This field may not be null.",
    "blank": "This field may not be blank.",
    "invalid": "Not a valid value.",
    "too_long": "At most {limit} characters.",
    "too_small": "Must be at least {limit}.",
    "too_large": "Must be at most {limit}.",
    "empty": "Must not be empty.",
    "too_many": "At most {limit} items.",
    "duplicate": "Appears more than once.",
    "unknown_product": "No such product.",
    "unknown_category": "No such category.",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that cannot be used: a JSON pointer into the body (`/lines/0/sku`), or a query parameter's name."""

    where: str
    code: str
    limit: object = None

    def as_json(self) -> dict[str, str]:
        kind = "pointer" if self.where.startswith("/") else "parameter"
        return {kind: self.where, "code": self.code, "detail": _FIELD_DETAILS[self.code].format(limit=self.limit)}


class Problem(Exception):
    """An answer that is an error. Raise it anywhere below a view; the chassis renders it."""

    def __init__(
        self,
        slug: str,
        *,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.kind = KINDS[slug]
        self.detail = detail or self.kind.detail
        self.members = members
        self.headers = {**_DEFAULT_HEADERS.get(slug, {}), **(headers or {})}
        super().__init__(f"{slug}: {self.detail}")

    @property
    def status(self) -> int:
        return self.kind.status

    def as_json(self) -> dict[str, Any]:
        """Return the members in the contract's order."""
        kind = self.kind
        return {"type": kind.type, "title": kind.title, "status": kind.status, "detail": self.detail, **self.members}

    def body(self) -> bytes:
        """Return the rendered answer."""
        return json.dumps(self.as_json(), separators=(",", ":")).encode()


_DEFAULT_HEADERS: Final[Mapping[str, Mapping[str, str]]] = {
    "unauthenticated": {"WWW-Authenticate": "Bearer"},
    "token-invalid": {"WWW-Authenticate": 'Bearer error="invalid_token"'},
    "idempotency-key-in-flight": {"Retry-After": "1"},
    "unavailable": {"Retry-After": "1"},
}


def validation(errors: Sequence[FieldError]) -> Problem:
    """Return the problem for fields that cannot be used, one entry each."""
    return Problem("validation", errors=[error.as_json() for error in errors])
