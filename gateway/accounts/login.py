"""Proving who one is, with the brake on: what the form and the token endpoint share.

WrongCredentials      no such active account, or another password: which of these is never said
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest

from gateway.accounts import throttle
from gateway.accounts.models import User


class WrongCredentials(Exception):
    """No active account has this address and password."""


def prove(request: HttpRequest, *, email: str, password: str, now: datetime) -> User:
    """Return whose address and password these are; WrongCredentials or throttle.TooManyFailures.

    Takes as long for an address that nobody has.
    """
    place = _place(request)
    throttle.count_attempt(email=email, place=place, now=now)
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    throttle.forget(email=email, place=place)
    return user


def _place(request: HttpRequest) -> str:
    """Return the address that the person comes from, as far as it can be believed."""
    said: str = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.TRUST_FORWARDED else ""
    # Each proxy adds whom it heard from at the end; what stands before is the client's own invention.
    return said.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")
