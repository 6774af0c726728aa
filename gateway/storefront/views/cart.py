"""The cart, and what is put into it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from gateway.storefront.cart import CartFull, Priced, SessionCart, priced, quantity_in
from gateway.storefront.shapes import Product
from gateway.storefront.shop import Shop, open_shop
from gateway.storefront.views.pages import page, partial, see
from services.chassis import contract

_NOT_A_NUMBER = "Please give the quantity as a whole number, 1 or more."
_FULL = f"A cart holds {contract.LINES_MAX} different products, and yours is full."


def load(shop: Shop, cart: SessionCart) -> Priced:
    """Return the cart at today's prices."""
    lines = cart.lines
    return priced(lines, shop.products_by_sku(lines), cart.seen_prices)


@require_safe
@never_cache
@page
def show(request: HttpRequest) -> HttpResponse:
    """Show the cart."""
    cart = load(open_shop(request), SessionCart(request.session))
    return render(request, "storefront/cart.html", {"cart": cart})


@require_POST
@never_cache
@page
def add(request: HttpRequest) -> HttpResponse:
    """Put more of a product into the cart, at most what is left of it."""
    product = _product(request)
    quantity = quantity_in(request.POST.get("quantity", "1"))
    if not quantity:
        return _added(request, messages.ERROR, _NOT_A_NUMBER, product=product, status=422)
    cart = SessionCart(request.session)
    there = cart.lines.get(product.sku, 0)
    most = min(product.stock, contract.QUANTITY_MAX)
    if product.stock == 0:
        return _added(request, messages.ERROR, f"{product.name} is out of stock.", product=product, status=409)
    if there >= most:
        words = f"You already have all that can be sold of {product.name} in your cart ({there})."
        return _added(request, messages.WARNING, words, product=product, status=409)
    try:
        cart.put(product, quantity=min(there + quantity, most))
    except CartFull:
        return _added(request, messages.ERROR, _FULL, product=product, status=409)
    if there + quantity > most:
        words = f"Only {most} left of {product.name}, so your cart now holds {most}."
        return _added(request, messages.WARNING, words, product=product, put=True)
    words = f"{product.name} is in your cart." if quantity == 1 else f"{quantity} × {product.name} are in your cart."
    return _added(request, messages.SUCCESS, words, product=product, put=True)


@require_POST
@never_cache
@page
def update(request: HttpRequest) -> HttpResponse:
    """Change the quantity of a line, or take it out."""
    cart = SessionCart(request.session)
    shop = open_shop(request)
    sku = request.POST.get("sku", "")
    status, level, words = 200, messages.SUCCESS, ""
    quantity = 0 if "remove" in request.POST else quantity_in(request.POST.get("quantity", ""))
    if quantity is None:
        status, level, words = 422, messages.ERROR, "Please give the quantity as a whole number; 0 takes it out."
    elif sku not in cart.lines:
        status, level, words = 404, messages.WARNING, "That is not in your cart any more."
    elif quantity == 0:
        cart.remove(sku)
        words = "Taken out of your cart."
    else:
        product = shop.product(sku)
        if product is not None and product.stock > 0:
            most = min(product.stock, contract.QUANTITY_MAX)
            cart.put(product, quantity=min(quantity, most))
            if quantity > most:
                level, words = messages.WARNING, f"Only {most} left of {product.name}, so your cart now holds {most}."
    if not partial(request):
        if words:
            messages.add_message(request, level, words)
        return see("storefront:cart")
    context = {"cart": load(shop, cart), "words": words, "level": _tag(level), "announce_count": True}
    return render(request, "storefront/partials/cart.html", context, status=status)


def _product(request: HttpRequest) -> Product:
    sku = request.POST.get("sku", "")
    if not contract.SKU.fullmatch(sku):
        raise Http404
    product = open_shop(request).product(sku)
    if product is None:
        raise Http404
    return product


def _added(
    request: HttpRequest, level: int, words: str, *, product: Product, put: bool = False, status: int = 200
) -> HttpResponse:
    """Say what came of putting a product into the cart: in place to htmx, on the next page to others."""
    if partial(request):
        context = {"words": words, "level": _tag(level), "put": put}
        return render(request, "storefront/partials/added.html", context, status=status)
    messages.add_message(request, level, words)
    if put:
        return see("storefront:cart")
    return see("storefront:product", product.sku)


def _tag(level: int) -> str:
    return messages.DEFAULT_TAGS[level]
