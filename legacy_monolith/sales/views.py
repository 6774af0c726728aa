"""`/orders` and everything below it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from legacy_monolith import http
from legacy_monolith.paging import envelope
from legacy_monolith.sales import lifecycle, orders, peers, placement
from legacy_monolith.sales.requests import OrderFilter, OrderRequest, read_customer, read_key, read_status
from services.chassis.identity import Principal
from services.chassis.middleware import require
from services.ownership.middleware import last_word

_OWN = "orders"
_OPERATE = "orders:operate"
_SETTLE = "orders:settle"


def list_orders(request: HttpRequest) -> HttpResponse:
    """Answer with a page of orders: one's own, or everyone's."""
    who = require(request, _OWN, _OPERATE)
    parameters = http.parameters(request)
    asked = OrderFilter.read(parameters, everyone=who.may(_OPERATE))
    count, found = orders.find(asked=asked, customer=_limit(who))
    return http.answer(
        envelope(
            path=request.path,
            parameters=parameters,
            paging=asked.paging,
            count=count,
            results=[orders.present(order) for order in found],
        )
    )


def place_order(request: HttpRequest) -> HttpResponse:
    """Place an order."""
    who = require(request, _OWN)
    body = http.body(request)
    key = read_key(request.headers.get("Idempotency-Key"))
    placed = placement.place(
        customer=who.subject,
        key=key,
        request=OrderRequest.read(body),
        products_here=_products_here(who),
        peers=peers.through_gateway(),
        clock=timezone.now,
    )
    headers = {"Location": f"/orders/{placed.order_no}"}
    if placed.replayed:
        headers["Idempotency-Replayed"] = "true"
    return http.answer(placed.body, status=201, headers=headers)


def show_order(request: HttpRequest, number: str) -> HttpResponse:
    """Answer with an order."""
    who = require(request, _OWN, _OPERATE)
    return http.answer(orders.present(orders.get(order_no=number, customer=_limit(who))))


def cancel_order(request: HttpRequest, number: str) -> HttpResponse:
    """Cancel an order."""
    who = require(request, _OWN, _OPERATE)
    http.drain(request)
    return _changed(request, who, number, to="cancelled")


def change_order_status(request: HttpRequest, number: str) -> HttpResponse:
    """Give an order another status."""
    who = require(request, _OPERATE)
    return _changed(request, who, number, to=read_status(http.body(request)))


def settle_order(request: HttpRequest, number: str) -> HttpResponse:
    """Answer what is to become of an order's reservation."""
    require(request, _SETTLE)
    customer = read_customer(http.body(request))
    outcome = lifecycle.outcome(order_no=number, customer=customer, now=timezone.now())
    return http.answer({"order": number, "outcome": outcome})


def _changed(request: HttpRequest, who: Principal, number: str, *, to: str) -> HttpResponse:
    with last_word(request, "orders", key=_limit(who)):
        lifecycle.change_status(
            order_no=number,
            to=to,
            customer=_limit(who),
            products_here=_products_here(who),
            peers=peers.through_gateway(),
            now=timezone.now(),
        )
    return http.answer(orders.present(orders.get(order_no=number, customer=_limit(who))))


def _limit(who: Principal) -> str | None:
    """Return whose orders alone these are to be, None for everyone's."""
    return None if who.may(_OPERATE) else who.subject


def _products_here(who: Principal) -> bool:
    return who.owners.get("products", "monolith") == "monolith"
