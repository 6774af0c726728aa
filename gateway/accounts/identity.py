"""From a person to the identity that the data plane and the upstreams see."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.exceptions import ValidationError
from django.utils.crypto import constant_time_compare

from gateway import tokens
from gateway.accounts.models import User
from services.chassis.identity import Minter, Principal, TokenError, Verifier

CUSTOMER_SCOPES: Final = frozenset({"orders"})
STAFF_SCOPES: Final = frozenset({"orders", "products:write", "orders:operate"})


def principal_of(user: User) -> Principal:
    """Return the identity of a person who has proved to be that person."""
    if user.is_staff:
        return Principal(subject=str(user.pk), kind="staff", scopes=STAFF_SCOPES)
    return Principal(subject=str(user.pk), kind="customer", scopes=CUSTOMER_SCOPES)


def access_token(user: User) -> str:
    """Return a token with which an API client acts as this person."""
    return _minter().mint(principal_of(user), audience=tokens.ACCESS_AUDIENCE, lifetime=tokens.ACCESS_LIFETIME)


def cookie_for(user: User) -> str:
    """Return the identity cookie's value."""
    return _minter().mint(principal_of(user), audience=tokens.COOKIE_AUDIENCE, lifetime=tokens.COOKIE_LIFETIME)


def cookie_serves(cookie: str, *, user: User, now: float) -> bool:
    """Tell whether the cookie says who the person is today, and will for a while."""
    try:
        principal = _verifier().verify(cookie).principal
    except TokenError:
        return False
    return principal == principal_of(user) and now - tokens.validity(cookie).issued_at < tokens.COOKIE_RENEWED_AFTER


def cookie_is_young(cookie: str, *, now: float) -> bool:
    """Tell whether the cookie is good and needs no renewal, whoever it names."""
    try:
        _verifier().verify(cookie)
    except TokenError:
        return False
    return now - tokens.validity(cookie).issued_at < tokens.COOKIE_RENEWED_AFTER


def principal_of_session(session_key: str) -> Principal | None:
    """Return who is logged in under a session, or None. Two queries."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    # What django.contrib.auth.get_user() checks, for a session without a request.
    if store.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        user = User.objects.get(pk=store[SESSION_KEY], is_active=True)
    except (KeyError, User.DoesNotExist, ValidationError):
        return None
    said = store.get(HASH_SESSION_KEY, "")
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return principal_of(user) if any(constant_time_compare(said, good) for good in hashes) else None


@cache
def _minter() -> Minter:
    return Minter.from_file(issuer="gateway", path=settings.IDENTITY_KEY_FILE)


@cache
def _verifier() -> Verifier:
    return Verifier.from_file(
        audience=tokens.COOKIE_AUDIENCE, path=settings.IDENTITY_PUBLIC_KEYS_FILE, issuers=frozenset({"gateway"})
    )
