"""What a component answers where no view does. For `handler400`, `handler404` and `handler500` of its URLconf."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views import defaults

from services.chassis.middleware import problem_response
from services.chassis.problems import Problem


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that Django itself refused to read."""
    return problem_response(Problem("malformed"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 404, as a page where people look (the admin), as a problem everywhere else."""
    if request.path.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    return problem_response(Problem("not-found"))


def internal(request: HttpRequest) -> HttpResponseBase:
    """Answer 500 without a word of what went wrong."""
    return problem_response(Problem("internal"))
