"""The Product API's resources."""

from __future__ import annotations

from typing import ClassVar

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from services.chassis.drf import pages
from services.chassis.drf.views import ContractView, Scopes, document
from services.products import catalogue, reservations, schema
from services.products.filters import ProductParameters
from services.products.serializers import ProductChange, ProductCreation, ReservationRequest

_WRITE = ("products:write",)
_RESERVE = ("products:reserve",)


class Products(ContractView):
    scopes: ClassVar[Scopes] = {"GET": (), "POST": _WRITE}

    @schema.LIST
    def get(self, request: Request) -> Response:
        query = request._request.GET
        asked = ProductParameters.read(query, catalogue.live())
        count, results = catalogue.page_of(rows=asked.qs, page=asked.page, page_size=asked.page_size)
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

    @schema.CREATE
    def post(self, request: Request) -> Response:
        body = ProductCreation(data=document(request))
        body.is_valid(raise_exception=True)
        made = catalogue.create(**body.validated_data, now=timezone.now())
        return Response(made, status=201, headers={"Location": f"/products/{made['sku']}"})


class Categories(ContractView):
    scopes: ClassVar[Scopes] = {"GET": ()}

    @schema.CATEGORIES
    def get(self, request: Request) -> Response:
        return Response({"results": catalogue.categories()})


class Product(ContractView):
    scopes: ClassVar[Scopes] = {"GET": (), "PATCH": _WRITE, "DELETE": _WRITE}

    @schema.SHOW
    def get(self, request: Request, sku: str) -> Response:
        return Response(catalogue.product(sku=sku))

    @schema.CHANGE
    def patch(self, request: Request, sku: str) -> Response:
        body = ProductChange(data=document(request), partial=True)
        body.is_valid(raise_exception=True)
        return Response(catalogue.change(sku=sku, changes=body.validated_data, now=timezone.now()))

    @schema.DELETE
    def delete(self, request: Request, sku: str) -> Response:
        catalogue.delete(sku=sku, now=timezone.now())
        return Response(status=204)


class Reservations(ContractView):
    scopes: ClassVar[Scopes] = {"POST": _RESERVE}

    @schema.RESERVE
    def post(self, request: Request) -> Response:
        body = ReservationRequest(data=document(request))
        body.is_valid(raise_exception=True)
        reservation, new = reservations.reserve(**body.validated_data, now=timezone.now())
        return Response(reservation, status=201 if new else 200)


class Reservation(ContractView):
    scopes: ClassVar[Scopes] = {"GET": _RESERVE}

    @schema.SHOW_RESERVATION
    def get(self, request: Request, order: str) -> Response:
        return Response(reservations.found(order=order))


class Confirmation(ContractView):
    scopes: ClassVar[Scopes] = {"POST": _RESERVE}

    @schema.CONFIRM
    def post(self, request: Request, order: str) -> Response:
        return Response(reservations.confirm(order=order))


class Release(ContractView):
    scopes: ClassVar[Scopes] = {"POST": _RESERVE}

    @schema.RELEASE
    def post(self, request: Request, order: str) -> Response:
        return Response(reservations.release(order=order))
