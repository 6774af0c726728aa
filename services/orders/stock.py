"""Stock for orders, kept by whoever owns products, who is reached through the gateway.

    Unreachable (chassis)    no usable answer: whether stock was taken is unknown
    AlreadyReleased          the number's stock was given back: no order can be placed under it any more

Problems: `insufficient-stock`, `validation` (`unknown_product`). With them, no stock was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import httpx
from django.conf import settings

from services.chassis import client
from services.chassis.client import GatewayClient, Unreachable
from services.chassis.problems import FieldError, Problem, validation

_PATH: Final = "/products/reservations"


class AlreadyReleased(Exception):
    """The reservation has been released, and cannot be had again."""


@dataclass(frozen=True, slots=True)
class ReservedLine:
    """So much of one product, at its name and price when it was reserved."""

    sku: str
    name: str
    quantity: int
    unit_price: Decimal


def gateway() -> GatewayClient:
    """Return this service's client of the gateway."""
    return client.gateway(settings.COMPONENT, settings.GATEWAY_URL, settings.IDENTITY_KEY_FILE)


def reserve(
    *, number: str, customer: str, lines: Sequence[tuple[str, int]], gateway: GatewayClient
) -> list[ReservedLine]:
    """Take stock for an order and return its lines in sku order. Asking again takes nothing more.

    `lines` are in the client's order: the other side's pointers are then true for the client as well.
    """
    body = {
        "order": number,
        "customer": customer,
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
    }
    response = gateway.request("POST", _PATH, json=body)
    try:
        return _reserved(response, wanted=dict(lines))
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise Unreachable(f"POST {_PATH}: {response.status_code} is no answer to a reservation") from error


def confirm(*, number: str, gateway: GatewayClient) -> bool:
    """Make the order's reservation lasting; tell whether it is."""
    return gateway.request("POST", f"{_PATH}/{number}/confirm").status_code == 200


def release(*, number: str, gateway: GatewayClient) -> bool:
    """Give the order's stock back; tell whether nothing is held for it. An order that never held any has no stock."""
    return gateway.request("POST", f"{_PATH}/{number}/release").status_code in {200, 404}


def _reserved(response: httpx.Response, *, wanted: dict[str, int]) -> list[ReservedLine]:
    """Return what was reserved, raise why not; ValueError and the like when the answer makes no sense."""
    answer: Any = response.json()
    if response.status_code not in {200, 201}:
        raise _refusal(response.status_code, answer)
    if answer["state"] == "released":
        raise AlreadyReleased
    lines = sorted((_line(entry) for entry in answer["lines"]), key=lambda line: line.sku)
    if {line.sku: line.quantity for line in lines} != wanted:
        raise ValueError("other lines than those asked for")
    return lines


def _line(entry: Any) -> ReservedLine:
    return ReservedLine(
        sku=entry["sku"],
        name=entry["name"],
        quantity=entry["quantity"],
        unit_price=Decimal(entry["unit_price"]["amount"]),
    )


def _refusal(status: int, answer: Any) -> Exception:
    match status, answer["type"]:
        case 409, "/problems/insufficient-stock":
            return Problem("insufficient-stock", shortfalls=answer["shortfalls"])
        case 409, "/problems/reservation-settled":
            return AlreadyReleased()
        case 422, "/problems/validation":
            errors = answer["errors"]
            if errors and all(error["code"] == "unknown_product" for error in errors):
                return validation([FieldError(error["pointer"], "unknown_product") for error in errors])
    return ValueError("neither a reservation nor a reason")
