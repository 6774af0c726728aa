"""What the OpenAPI file says of the Product API's operations, beside what it reads off views and serializers."""

from __future__ import annotations

from typing import Final

from services.chassis import contract
from services.chassis.drf.openapi import (
    PAGE_PARAMETERS,
    anchored,
    operation,
    parameter,
    path_parameter,
    refusals,
    response_header,
    text_schema,
)
from services.products import serializers as s

_SKU: Final = path_parameter("sku", contract.SKU.pattern, example="LAMP-1")
_ORDER: Final = path_parameter("order", contract.ORDER_NUMBER.pattern, example="TC-0123456789AB")
_AMOUNT: Final = {"type": "string", "pattern": r"^[0-9]{1,5}(\.[0-9]{1,2})?$", "examples": ["12.50"]}
_LOCATION: Final = response_header("Location", 201, "The new product's path.")

LIST: Final = operation(
    "list_products",
    "Find products",
    parameters=[
        parameter("search", text_schema(contract.SEARCH_MAX), "Words that all occur in name, sku or description."),
        parameter("category", text_schema(), "A category's slug."),
        parameter("price_min", _AMOUNT, "The lowest price, inclusive."),
        parameter("price_max", _AMOUNT, "The highest price, inclusive."),
        parameter("in_stock", {"type": "boolean"}, "Only what is in stock, or only what is not."),
        parameter(
            "sku",
            {
                "type": "array",
                "items": {"type": "string", "pattern": anchored(contract.SKU.pattern)},
                "maxItems": contract.SKUS_MAX,
            },
            "Only these, comma separated.",
            style="form",
            explode=False,
        ),
        parameter("ordering", {"type": "string", "enum": list(contract.ORDERINGS), "default": "name"}, "The order."),
        *PAGE_PARAMETERS,
    ],
    responses={200: s.ProductPageSerializer, **refusals("validation", "no-such-page", private=False)},
)
CREATE: Final = operation(
    "create_product",
    "Add a product",
    request=s.ProductCreation,
    parameters=[_LOCATION],
    responses={201: s.ProductSerializer, **refusals("sku-taken", body=True)},
)
CATEGORIES: Final = operation(
    "list_categories",
    "See the categories that have products",
    responses={200: s.CategoryListSerializer, **refusals(private=False)},
)
SHOW: Final = operation(
    "get_product",
    "See a product",
    parameters=[_SKU],
    responses={200: s.ProductSerializer, **refusals("not-found", private=False)},
)
CHANGE: Final = operation(
    "change_product",
    "Change a product",
    parameters=[_SKU],
    request=s.ProductChange,
    responses={200: s.ProductSerializer, **refusals("not-found", body=True)},
)
DELETE: Final = operation(
    "delete_product",
    "Delete a product",
    parameters=[_SKU],
    request=None,
    responses={204: None, **refusals("not-found", write=True)},
)
RESERVE: Final = operation(
    "reserve",
    "Hold stock for an order",
    request=s.ReservationRequest,
    responses={
        201: s.ReservationSerializer,
        200: s.ReservationSerializer,
        **refusals("insufficient-stock", "reservation-settled", "reservation-mismatch", body=True),
    },
)
SHOW_RESERVATION: Final = operation(
    "get_reservation",
    "See an order's reservation",
    parameters=[_ORDER],
    responses={200: s.ReservationSerializer, **refusals("not-found")},
)
CONFIRM: Final = operation(
    "confirm_reservation",
    "Make a reservation lasting",
    parameters=[_ORDER],
    request=None,
    responses={200: s.ReservationSerializer, **refusals("not-found", "reservation-settled", write=True)},
)
RELEASE: Final = operation(
    "release_reservation",
    "Give a reservation's stock back",
    parameters=[_ORDER],
    request=None,
    responses={200: s.ReservationSerializer, **refusals("not-found", write=True)},
)
