"""What shoppers see where no view answers: for `handler400`, `handler403` and `handler404` of the URLconf."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from gateway.storefront.views.pages import instead


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that could not be read."""
    return instead(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what this shopper may not do."""
    return instead(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address where nothing is."""
    return instead(request, "404.html", status=404)
