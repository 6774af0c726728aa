"""The Order API's resources."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from services.chassis import contract
from services.chassis.drf import pages
from services.chassis.drf.views import ContractView, Scopes, caller, document
from services.chassis.problems import Problem
from services.orders import lifecycle, placement, schema, stock
from services.orders.filters import OperatorParameters, OrderParameters
from services.orders.serializers import OrderRequest, SettlementRequest, StatusRequest
from services.ownership.middleware import last_word

_PLACE = "orders"
_OPERATE = "orders:operate"
_SETTLE = "orders:settle"


def _viewer(request: Request) -> str | None:
    """Return whose orders the caller may know of, None for everyone's."""
    principal = caller(request)
    return None if principal.may(_OPERATE) else principal.subject


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise Problem("idempotency-key-missing")
    if contract.IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise Problem("idempotency-key-invalid")
    return key


class Orders(ContractView):
    scopes: ClassVar[Scopes] = {"GET": (_PLACE, _OPERATE), "POST": (_PLACE,)}

    @schema.LIST
    def get(self, request: Request) -> Response:
        viewer = _viewer(request)
        query = request._request.GET
        parameters = OperatorParameters if viewer is None else OrderParameters
        asked = parameters.read(query, lifecycle.visible(viewer))
        count, results = lifecycle.page_of(rows=asked.qs, page=asked.page, page_size=asked.page_size)
        return Response(
            pages.envelope(
                path=request.path,
                query=query.dict(),
                count=count,
                page=asked.page,
                page_size=asked.page_size,
                results=results,
            )
        )

    @schema.PLACE
    def post(self, request: Request) -> HttpResponse:
        members = document(request)
        key = _idempotency_key(request)
        body = OrderRequest(data=members)
        body.is_valid(raise_exception=True)
        placed = placement.place(
            placement.Intention(customer=caller(request).subject, key=key, **body.validated_data),
            gateway=stock.gateway(),
            clock=timezone.now,
        )
        headers = {"Location": f"/orders/{placed.number}"}
        if placed.replayed:
            headers["Idempotency-Replayed"] = "true"
        return HttpResponse(placed.answer, status=201, content_type="application/json", headers=headers)


class Order(ContractView):
    scopes: ClassVar[Scopes] = {"GET": (_PLACE, _OPERATE)}

    @schema.SHOW
    def get(self, request: Request, number: str) -> Response:
        return Response(lifecycle.order(number=number, viewer=_viewer(request)))


class Cancellation(ContractView):
    scopes: ClassVar[Scopes] = {"POST": (_PLACE, _OPERATE)}

    @schema.CANCEL
    def post(self, request: Request, number: str) -> Response:
        with last_word(request, "orders", key=_viewer(request)):
            cancelled = lifecycle.cancel(
                number=number, viewer=_viewer(request), gateway=stock.gateway(), now=timezone.now()
            )
        return Response(cancelled)


class OrderStatus(ContractView):
    scopes: ClassVar[Scopes] = {"POST": (_OPERATE,)}

    @schema.CHANGE_STATUS
    def post(self, request: Request, number: str) -> Response:
        body = StatusRequest(data=document(request))
        body.is_valid(raise_exception=True)
        with last_word(request, "orders", key=None):
            changed = lifecycle.change_status(
                number=number, viewer=None, gateway=stock.gateway(), now=timezone.now(), **body.validated_data
            )
        return Response(changed)


class Settlement(ContractView):
    scopes: ClassVar[Scopes] = {"POST": (_SETTLE,)}

    @schema.SETTLE
    def post(self, request: Request, number: str) -> Response:
        body = SettlementRequest(data=document(request))
        body.is_valid(raise_exception=True)
        outcome = lifecycle.settle(number=number, now=timezone.now(), **body.validated_data)
        return Response({"order": number, "outcome": outcome})
