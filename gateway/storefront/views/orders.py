"""The shopper's own orders."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from gateway.storefront.query import page_number, page_window
from gateway.storefront.shapes import Order, Product
from gateway.storefront.shop import CannotCancel, NoSuchPage, Shop, ShopUnavailable, open_shop
from gateway.storefront.timeline import timeline
from gateway.storefront.views.checkout import THANKS
from gateway.storefront.views.pages import instead, page, see


@require_safe
@never_cache
@login_required(login_url="accounts:login")
@page
def mine(request: HttpRequest) -> HttpResponse:
    """List the orders, newest first."""
    number = page_number(request.GET.get("page", ""))
    try:
        listing = open_shop(request).orders(page=number)
    except NoSuchPage:
        return instead(request, "404.html", status=404)
    context = {
        "listing": listing,
        "links": [(n, n and f"?page={n}") for n in page_window(number=number, pages=listing.pages)],
        "previous_href": f"?page={number - 1}" if number > 1 else "",
        "next_href": f"?page={number + 1}" if number < listing.pages else "",
    }
    return render(request, "storefront/orders.html", context)


@require_safe
@never_cache
@login_required(login_url="accounts:login")
@page
def show(request: HttpRequest, number: str) -> HttpResponse:
    """Show one order, with thanks when it is new."""
    shop = open_shop(request)
    order = _order(shop, number)
    new = request.session.get(THANKS) == order.number
    if new:
        del request.session[THANKS]
    products = _still_sold(shop, order)
    context = {
        "order": order,
        "lines": [(line, products.get(line.sku)) for line in order.lines],
        "steps": timeline(order),
        "new": new,
    }
    return render(request, "storefront/order.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required(login_url="accounts:login")
@page
def cancel(request: HttpRequest, number: str) -> HttpResponse:
    """Ask whether to cancel the order; on submission cancel it."""
    if request.method == "POST":
        try:
            if open_shop(request).cancel(number) is None:
                raise Http404
        except CannotCancel:
            messages.error(request, "It is too late to cancel this order: it is already on its way.")
        else:
            messages.success(request, "The order is cancelled.")
        return see("storefront:order", number)
    order = _order(open_shop(request), number)
    if not order.cancellable:
        messages.info(request, "This order cannot be cancelled.")
        return see("storefront:order", number)
    return render(request, "storefront/cancel.html", {"order": order})


def _order(shop: Shop, number: str) -> Order:
    order = shop.order(number)
    if order is None:
        raise Http404
    return order


def _still_sold(shop: Shop, order: Order) -> dict[str, Product]:
    """Return the order's products that can be linked to; none when the shop has trouble: the order tells the rest."""
    try:
        return shop.products_by_sku(line.sku for line in order.lines)
    except (NoSuchPage, ShopUnavailable):
        return {}
