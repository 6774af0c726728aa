"""What the OpenAPI file says of the Order API's operations, beside what it reads off views and serializers."""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import OpenApiParameter

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
from services.orders import serializers as s

_NUMBER: Final = path_parameter("number", contract.ORDER_NUMBER.pattern, example="TC-0123456789AB")
_KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": anchored(contract.IDEMPOTENCY_KEY.pattern), "examples": ["b1f5a4d2"]},
    OpenApiParameter.HEADER,
    required=True,
    description="Of the client's own choosing: one for each order that it means to place.",
)

LIST: Final = operation(
    "list_orders",
    "See one's own orders, or everyone's",
    parameters=[
        parameter("status", {"type": "string", "enum": list(contract.STATUSES)}, "Only those with this status."),
        parameter("customer", text_schema(contract.CUSTOMER_MAX), "Only this customer's; for operators."),
        *PAGE_PARAMETERS,
    ],
    responses={200: s.OrderPageSerializer, **refusals("validation", "no-such-page")},
)
PLACE: Final = operation(
    "place_order",
    "Place an order",
    request=s.OrderRequest,
    parameters=[
        _KEY,
        response_header("Location", 201, "The order's path."),
        response_header("Idempotency-Replayed", 201, "`true` when this key's order had been placed before."),
    ],
    responses={
        201: s.OrderSerializer,
        **refusals(
            "idempotency-key-missing",
            "idempotency-key-invalid",
            "insufficient-stock",
            "idempotency-key-in-flight",
            "idempotency-key-reused",
            body=True,
        ),
    },
)
SHOW: Final = operation(
    "get_order",
    "See an order",
    parameters=[_NUMBER],
    responses={200: s.OrderSerializer, **refusals("not-found")},
)
CANCEL: Final = operation(
    "cancel_order",
    "Cancel an order",
    parameters=[_NUMBER],
    request=None,
    responses={200: s.OrderSerializer, **refusals("not-found", "illegal-transition", write=True)},
)
CHANGE_STATUS: Final = operation(
    "change_order_status",
    "Move an order along",
    parameters=[_NUMBER],
    request=s.StatusRequest,
    responses={200: s.OrderSerializer, **refusals("not-found", "illegal-transition", body=True)},
)
SETTLE: Final = operation(
    "settle_order",
    "Ask what becomes of the stock held for an order",
    parameters=[_NUMBER],
    request=s.SettlementRequest,
    responses={200: s.SettlementSerializer, **refusals("not-found", body=True)},
)
