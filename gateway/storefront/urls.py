"""Where the storefront's pages are. No path ends in a slash or begins with a prefix of the API."""

from __future__ import annotations

from django.urls import URLPattern, path, register_converter

from gateway.storefront.views import cart, catalogue, checkout, orders, pictures
from services.chassis import contract


class SkuConverter:
    regex = contract.SKU.pattern

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class OrderNumberConverter(SkuConverter):
    regex = contract.ORDER_NUMBER.pattern


register_converter(SkuConverter, "sku")
register_converter(OrderNumberConverter, "order_number")

app_name = "storefront"

urlpatterns: list[URLPattern] = [
    path("", catalogue.catalogue, name="catalogue"),
    path("p/<sku:sku>", catalogue.product, name="product"),
    path("cart", cart.show, name="cart"),
    path("cart/add", cart.add, name="cart-add"),
    path("cart/update", cart.update, name="cart-update"),
    path("checkout", checkout.checkout, name="checkout"),
    path("my/orders", orders.mine, name="orders"),
    path("my/orders/<order_number:number>", orders.show, name="order"),
    path("my/orders/<order_number:number>/cancel", orders.cancel, name="order-cancel"),
    path("pictures/<sku:sku>.svg", pictures.picture, name="picture"),
]
