"""Who may call which method: the principal that the chassis believed, and the scopes that a view asks for."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from services.chassis.identity import Principal
from services.chassis.middleware import principal, require


class GatewayToken(BaseAuthentication):
    """Takes over the principal that `services.chassis.middleware.Identify` put on the request."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        found = principal(request._request)
        return (found, None) if found else None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class Scoped(BasePermission):
    """Demands one of the scopes in `view.scopes[method]`; an empty tuple lets anyone in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        wanted: tuple[str, ...] = view.scopes["GET" if request.method == "HEAD" else request.method]
        if wanted:
            require(request._request, *wanted)
        return True
