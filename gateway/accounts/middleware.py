"""The cookies that tell the data plane about a browser.

The identity cookie is kept in step with the session: set at login, renewed by pages, deleted at logout. The visitor
cookie is given to every browser once, and outlives both.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from gateway import tokens, visitor
from gateway.accounts import identity
from gateway.accounts.models import User

GetResponse = Callable[[HttpRequest], HttpResponse]


def identity_cookie(get_response: GetResponse) -> GetResponse:
    """Return the middleware. Belongs right inside Django's AuthenticationMiddleware."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        cookie = request.COOKIES.get(tokens.COOKIE)
        now = time.time()
        session = request.session
        if not session.accessed:
            # The page did not ask who is there, so do not ask the database on its behalf without need.
            nobody = cookie is None and settings.SESSION_COOKIE_NAME not in request.COOKIES
            if nobody or (cookie is not None and identity.cookie_is_young(cookie, now=now)):
                return response
        user = request.user
        if not isinstance(user, User):
            if cookie is not None:
                response.delete_cookie(tokens.COOKIE, samesite="Lax")
        elif cookie is None or not identity.cookie_serves(cookie, user=user, now=now):
            response.set_cookie(
                tokens.COOKIE,
                identity.cookie_for(user),
                max_age=tokens.COOKIE_LIFETIME,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
            patch_vary_headers(response, ["Cookie"])
        return response

    return middleware


def visitor_cookie(get_response: GetResponse) -> GetResponse:
    """Return the middleware. Belongs inside whatever answers for static files: they are the same for everyone."""
    visitors = visitor.Visitors(secret=settings.SECRET_KEY)

    def middleware(request: HttpRequest) -> HttpResponse:
        if (
            request.path.startswith(("/admin/", "/metrics"))
            or visitors.read(request.COOKIES.get(visitor.COOKIE)) is not None
        ):
            return get_response(request)
        _, value = visitors.issue()
        # As if the browser had had it all along: the page itself is then made from the side that it is given.
        request.COOKIES[visitor.COOKIE] = value
        response = get_response(request)
        # Pages only. Pictures may be kept by caches that serve many, and API clients send no cookies.
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.set_cookie(
                visitor.COOKIE,
                value,
                max_age=visitor.LIFETIME,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
            patch_vary_headers(response, ["Cookie"])
        return response

    return middleware
