"""`/products` and everything below it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from legacy_monolith import http, parsing
from legacy_monolith.catalogue import present, products, reservations
from legacy_monolith.catalogue.criteria import Criteria
from legacy_monolith.catalogue.drafts import read_changes, read_draft
from legacy_monolith.catalogue.models import Reservation
from legacy_monolith.lines import read_lines
from legacy_monolith.paging import envelope
from services.chassis import contract
from services.chassis.middleware import require

_WRITE = "products:write"
_RESERVE = "products:reserve"


def list_products(request: HttpRequest) -> HttpResponse:
    """Answer with a page of products."""
    parameters = http.parameters(request)
    criteria = Criteria.read(parameters)
    count, rows = products.find(criteria)
    return http.answer(
        envelope(
            path=request.path,
            parameters=parameters,
            paging=criteria.paging,
            count=count,
            results=[present.product(row) for row in rows],
        )
    )


def create_product(request: HttpRequest) -> HttpResponse:
    """Make a product."""
    require(request, _WRITE)
    draft = read_draft(http.body(request), category_exists=products.category_exists)
    product = products.create(draft=draft, now=timezone.now())
    return http.answer(present.product(product), status=201, headers={"Location": f"/products/{product.code}"})


def list_categories(request: HttpRequest) -> HttpResponse:
    """Answer with the categories that have a live product."""
    return http.answer({"results": [present.category(*row) for row in products.categories()]})


def show_product(request: HttpRequest, sku: str) -> HttpResponse:
    """Answer with a product."""
    return http.answer(present.product(products.get(sku=sku)))


def change_product(request: HttpRequest, sku: str) -> HttpResponse:
    """Change some members of a product."""
    require(request, _WRITE)
    changes = read_changes(http.body(request), category_exists=products.category_exists)
    return http.answer(present.product(products.change(sku=sku, changes=changes, now=timezone.now())))


def delete_product(request: HttpRequest, sku: str) -> HttpResponse:
    """Take a product off the shop."""
    require(request, _WRITE)
    http.drain(request)
    products.delete(sku=sku, now=timezone.now())
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


def create_reservation(request: HttpRequest) -> HttpResponse:
    """Take stock out for an order."""
    require(request, _RESERVE)
    fields = parsing.Fields(http.body(request))
    order_no = fields.read("order", parsing.matching(contract.ORDER_NUMBER))
    customer = fields.read("customer", parsing.text(most=contract.CUSTOMER_MAX))
    lines = read_lines(fields)
    fields.finish()
    reservation, created = reservations.reserve(order_no=order_no, customer=customer, lines=lines, now=timezone.now())
    return _reservation(reservation, status=201 if created else 200)


def show_reservation(request: HttpRequest, order: str) -> HttpResponse:
    """Answer with an order's reservation."""
    require(request, _RESERVE)
    return _reservation(reservations.get(order_no=order))


def confirm_reservation(request: HttpRequest, order: str) -> HttpResponse:
    """Make a held reservation final."""
    require(request, _RESERVE)
    http.drain(request)
    return _reservation(reservations.confirm(order_no=order))


def release_reservation(request: HttpRequest, order: str) -> HttpResponse:
    """Give a reservation's stock back."""
    require(request, _RESERVE)
    http.drain(request)
    return _reservation(reservations.release(order_no=order))


def _reservation(reservation: Reservation, *, status: int = 200) -> HttpResponse:
    return http.answer(present.reservation(reservation, reservations.lines_of(reservation)), status=status)
