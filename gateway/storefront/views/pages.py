"""What all pages share: how they are rendered, and what is shown instead when they cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from gateway import position
from gateway.storefront.shop import ShopUnavailable

Parameters = ParamSpec("Parameters")
View = Callable[Concatenate[HttpRequest, Parameters], HttpResponse]


def partial(request: HttpRequest) -> bool:
    """Tell whether to answer with a part of the page: not when htmx restores history, which takes a whole one."""
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def page(view: View[Parameters]) -> View[Parameters]:
    """Return the view with friendly answers to what is missing and to a shop that does not answer.

    How far the shopper's writes have come, where the view has written, goes along as a cookie.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponse:
        before = request.COOKIES.get(position.COOKIE)
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            response = instead(request, "404.html", status=404)
        except ShopUnavailable:
            response = unavailable(request)
        patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
        if not response.has_header("Cache-Control"):
            # Every page says what is in the shopper's cart.
            response["Cache-Control"] = "private, no-cache"
        reached = request.COOKIES.get(position.COOKIE)
        if reached is not None and reached != before:
            response.set_cookie(
                position.COOKIE,
                reached,
                max_age=position.LIFETIME,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return response

    return guarded


def instead(
    request: HttpRequest, template: str, *, status: int, context: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Return a page that takes the place of the one asked for, also where htmx asked for a part of it."""
    response = render(request, template, dict(context or {}), status=status)
    if partial(request):
        response["HX-Retarget"] = "body"
        response["HX-Reswap"] = "innerHTML show:window:top"
    return response


def see(name: str, *args: str) -> HttpResponse:
    """Return a redirect that is always followed with GET."""
    return HttpResponseRedirect(reverse(name, args=args), status=303)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return the page for a shop that does not answer, with a way to try again."""
    retry = request.get_full_path() if request.method in {"GET", "HEAD"} else reverse("storefront:cart")
    response = instead(request, "503.html", status=503, context={"retry": retry})
    response["Retry-After"] = "5"
    response["Cache-Control"] = "no-store"
    return response
