"""Views that do what views may do wrong."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from services.chassis import health, trace
from services.chassis.middleware import principal, require
from services.chassis.problems import Problem

handler400 = "services.chassis.views.bad_request"
handler404 = "services.chassis.views.not_found"
handler500 = "services.chassis.views.internal"


def who(request: HttpRequest) -> HttpResponse:
    found = principal(request)
    here = trace.CURRENT.get()
    return JsonResponse({"subject": found and found.subject, "trace": here and here.trace_id})


def staff_only(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"subject": require(request, "products:write", "orders:operate").subject})


def sold_out(request: HttpRequest) -> HttpResponse:
    raise Problem("insufficient-stock", shortfalls=[], headers={"X-A": "b"})


def length(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"length": len(request.body)})


def bad(request: HttpRequest) -> HttpResponse:
    raise BadRequest("odd")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret is 42")


urlpatterns = [
    path("", include(health.urlpatterns)),
    path("products/who", who),
    path("products/staff", staff_only),
    path("products/sold-out", sold_out),
    path("products/length", length),
    path("products/bad", bad),
    path("products/broken", broken),
    path("open/who", who),
]
