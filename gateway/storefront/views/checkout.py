"""The checkout: shown, submitted, bought once."""

from __future__ import annotations

import time

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from gateway.storefront import checkout as buying
from gateway.storefront.cart import SessionCart
from gateway.storefront.checkout import Offer
from gateway.storefront.forms import DeliveryForm
from gateway.storefront.shapes import Address, Order, Product
from gateway.storefront.shop import (
    AddressRefused,
    KeyReused,
    NoSuchPage,
    OutOfStock,
    Shop,
    ShopUnavailable,
    UnknownProducts,
    open_shop,
)
from gateway.storefront.templatetags.storefront import money
from gateway.storefront.views.cart import load
from gateway.storefront.views.pages import page, see

THANKS = "checkout_thanks"
"""The session's key for the number of an order that has not been thanked for yet."""


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required(login_url="accounts:login")
@page
def checkout(request: HttpRequest) -> HttpResponse:
    """Show what is about to be bought and ask where to send it; on submission buy it."""
    return _submitted(request) if request.method == "POST" else _asked(request)


def _asked(request: HttpRequest) -> HttpResponse:
    shop = open_shop(request)
    cart = load(shop, SessionCart(request.session))
    if not cart.lines:
        messages.info(request, "Your cart is empty, so there is nothing to check out yet.")
        return see("storefront:cart")
    if not cart.buyable:
        messages.warning(
            request, "Something in your cart cannot be bought as it is. Please have a look at the marked lines."
        )
        return see("storefront:cart")
    offer = buying.offer_for(cart=cart, shopper=str(request.user.pk), session=request.session)
    last = _last_address(shop)
    form = DeliveryForm(initial=last.as_json() if last else {"name": getattr(request.user, "name", "")})
    products = {line.sku: line.product for line in cart.lines if line.product is not None}
    return _form(request, offer=offer, form=form, products=products)


def _submitted(request: HttpRequest) -> HttpResponse:
    offer = buying.read(request.POST.get("offer", ""), shopper=str(request.user.pk))
    if offer is None:
        messages.warning(request, "That form could not be used any more. Here it is again; nothing has been bought.")
        return see("storefront:checkout")
    number = buying.remembered(request.session, key=offer.key)
    if number is not None:
        return see("storefront:order", number)
    shop = open_shop(request)
    products = shop.products_by_sku(offer.lines)
    form = DeliveryForm(request.POST)
    today = offer.at_prices_of(products)
    if today != offer:
        return _form(request, offer=today, form=form, products=products, before=offer, status=409)
    if not form.is_valid():
        return _form(request, offer=offer, form=form, products=products, status=422)
    try:
        order = buying.place(shop, offer=offer, ship_to=form.address(), sleep=time.sleep, clock=time.monotonic)
    except buying.StillPlacing:
        context = {"offer": buying.sign(offer), "fields": form.address().as_json().items()}
        response = render(request, "storefront/placing.html", context, status=503)
        response["Retry-After"] = "5"
        return response
    except OutOfStock as error:
        for shortfall in error.shortfalls:
            name = products[shortfall.sku].name if shortfall.sku in products else shortfall.sku
            left = f"only {shortfall.available} left" if shortfall.available else "none left"
            messages.error(
                request, f"{name}: you wanted {shortfall.requested}, and there are {left}. Nothing was bought."
            )
        return see("storefront:cart")
    except UnknownProducts:
        messages.error(request, "Something in your cart is no longer sold. Nothing was bought.")
        return see("storefront:cart")
    except AddressRefused as error:
        for field, detail in error.errors.items():
            form.add_error(field, detail)
        return _form(request, offer=offer, form=form, products=products, status=422)
    except KeyReused:
        buying.renew(request.session)
        messages.warning(
            request,
            "We already had this order from you, with another address. "
            "If it is not in the list below, nothing was bought and you can check out again.",
        )
        return see("storefront:orders")
    _bought(request, offer=offer, order=order)
    return see("storefront:order", order.number)


def _bought(request: HttpRequest, *, offer: Offer, order: Order) -> None:
    """Clear the cart of what was bought and keep what the next pages say of it."""
    SessionCart(request.session).take(offer.quantities)
    buying.remember(request.session, key=offer.key, number=order.number)
    buying.renew(request.session)
    request.session[THANKS] = order.number
    if order.total != offer.total:
        messages.warning(
            request,
            f"A price changed in the very moment you ordered: the total is {money(order.total)}, "
            f"not {money(offer.total)}. You can cancel the order below.",
        )


def _form(
    request: HttpRequest,
    *,
    offer: Offer,
    form: DeliveryForm,
    products: dict[str, Product],
    before: Offer | None = None,
    status: int = 200,
) -> HttpResponse:
    lines = [
        {
            "sku": sku,
            "product": products.get(sku),
            "quantity": line.quantity,
            "total": line.price * line.quantity,
            "price": line.price,
            "price_was": before.lines[sku].price if before and before.lines[sku].price != line.price else None,
        }
        for sku, line in offer.lines.items()
    ]
    context = {"offer": buying.sign(offer), "lines": lines, "total": offer.total, "before": before, "form": form}
    return render(request, "storefront/checkout.html", context, status=status)


def _last_address(shop: Shop) -> Address | None:
    """Return where the last order went; None when there is none, or no answer: it only saves typing."""
    try:
        orders = shop.orders(page_size=1).results
    except (NoSuchPage, ShopUnavailable):
        return None
    return orders[0].ship_to if orders else None
