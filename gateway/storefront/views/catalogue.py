"""The catalogue, and a product's page."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gateway.storefront.query import ORDERINGS, CatalogueQuery, page_window
from gateway.storefront.shapes import Page, Product
from gateway.storefront.shop import NoSuchPage, Shop, ShopUnavailable, open_shop
from gateway.storefront.views.pages import page, partial
from services.chassis import contract

RELATED = 4


@require_safe
@page
def catalogue(request: HttpRequest) -> HttpResponse:
    """Show the products that the query string asks for; to htmx, the results alone."""
    query = CatalogueQuery.read(request.GET.dict())
    shop = open_shop(request)
    categories = shop.categories()
    listing: Page[Product] | None
    try:
        listing = shop.products(query.for_api())
    except NoSuchPage:
        listing = None
    category_name = next((known.name for known in categories if known.slug == query.category), query.category)
    context = {
        "query": query,
        "chips": query.chips(category_name),
        "listing": listing,
        "categories": categories,
        "category_name": category_name,
        "orderings": ORDERINGS.items(),
        "links": [
            (number, number and query.at_page(number).href())
            for number in page_window(number=query.page, pages=listing.pages)
        ]
        if listing
        else [],
        "previous_href": query.at_page(query.page - 1).href() if listing and query.page > 1 else "",
        "next_href": query.at_page(query.page + 1).href() if listing and query.page < listing.pages else "",
        "first_href": query.at_page(1).href(),
    }
    template = "storefront/partials/results.html" if partial(request) else "storefront/catalogue.html"
    response = render(request, template, context, status=200 if listing else 404)
    if partial(request):
        response["HX-Push-Url"] = query.href()
    return response


@require_safe
@page
def product(request: HttpRequest, sku: str) -> HttpResponse:
    """Show one product."""
    shop = open_shop(request)
    found = shop.product(sku)
    if found is None:
        raise Http404
    context = {
        "product": found,
        "related": _related(shop, found),
        "most": min(found.stock, contract.QUANTITY_MAX),
    }
    return render(request, "storefront/product.html", context)


def _related(shop: Shop, product: Product) -> list[Product]:
    """Return a few others of the category; none when the shop has trouble, since the page is whole without them."""
    if product.category is None:
        return []
    try:
        listing = shop.products(
            {"category": product.category.slug, "in_stock": "true", "ordering": "newest", "page_size": str(RELATED + 1)}
        )
    except (NoSuchPage, ShopUnavailable):
        return []
    return [other for other in listing.results if other.sku != product.sku][:RELATED]
