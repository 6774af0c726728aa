"""Sends away, with a 421, what this side must not answer; and says how far a write has come.

Comes after `services.chassis.middleware.Identify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from services.chassis.middleware import principal, problem_response
from services.chassis.problems import Problem
from services.ownership import fence, position
from services.ownership.fence import Misdirected

ASKED_HEADER: Final = "TechCommerce-Asked"
"""On a request that the other side has sent away because it does not know what it is about."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Ownership:
    """A write is let in where this side owns what the path tells; a read where this side is not behind the reader."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        capability = _capability(request.path)
        if capability is None:
            return self.get_response(request)
        away = _sent_away(request, capability)
        if away is not None:
            return problem_response(away)
        response = self.get_response(request)
        if request.method not in _SAFE and connection.connection is not None:
            # Forgotten whoever wrote: what is left with the session would be told to the next one.
            reached = position.reached()
            if _worth_telling(request, response):
                if all(one.capability != capability for one in reached):
                    reached += position.under_way(capability, customer=_customer(request, capability))
                if reached:
                    response.headers[position.HEADER] = ", ".join(map(str, reached))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn what a trigger refused, where nobody had asked before, into its answer."""
        refused = fence.refusal(exception) if isinstance(exception, DatabaseError) else None
        if refused is None:
            return None
        if _capability(request.path) is not None:
            return problem_response(refused)
        return HttpResponse(
            f"This shop's {refused.capability} are owned by another system now. Change them there.\n",
            content_type="text/plain; charset=utf-8",
            status=409,
        )


@contextmanager
def last_word(request: HttpRequest, capability: str, *, key: str | None) -> Iterator[None]:
    """Let a `not-found` be the answer only where the other side cannot know better: what is its may be on the way.

    With a key, a bucket of one's own was looked in, and there is nothing to know elsewhere.
    """
    try:
        yield
    except Problem as problem:
        if problem.kind.slug != "not-found" or key is not None:
            raise
        if request.headers.get(ASKED_HEADER) or fence.owns_all(capability):
            raise
        raise Misdirected(capability=capability) from problem


def _capability(path: str) -> str | None:
    name = path.partition("/")[2].partition("/")[0]
    return name if f"/{name}" in settings.API_PREFIXES and name in settings.OWNERSHIP_CAPABILITIES else None


def _worth_telling(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Tell whether somebody may want to see what they have written. Components read where the owner is anyway."""
    who = principal(request)
    return response.status_code < 400 and (who is None or who.kind != "service")


def _sent_away(request: HttpRequest, capability: str) -> Misdirected | None:
    customer = _customer(request, capability)
    if request.method in _SAFE:
        said = position.read(request.headers.get(position.HEADER), capability=capability)
        if said is None or position.is_here(said, customer=customer):
            return None
        return Misdirected(capability=capability, epoch=fence.look(capability, customer or "")[1])
    if capability == "orders" and customer is None:
        return None
    owns, epoch = fence.look(capability, customer or "")
    return None if owns else Misdirected(capability=capability, epoch=epoch)


def _customer(request: HttpRequest, capability: str) -> str | None:
    """Return whose orders a request is about; None for products, which are owned as a whole, and for others' orders.

    Staff and components act on those: whose they are is known further in.
    """
    who = principal(request)
    return who.subject if capability == "orders" and who is not None and who.kind == "customer" else None
