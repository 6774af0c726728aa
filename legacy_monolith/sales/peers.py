"""What the monolith asks of whoever owns the other capability: always through the gateway.

Refused               a definite answer that this cannot be done; `problem` is what it is to the order's client
Odd                   an answer that the contract does not foresee; an Unreachable, since nothing follows from it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import httpx
from django.conf import settings

from legacy_monolith.lines import Line
from services.chassis import client, contract
from services.chassis.client import GatewayClient, Unreachable
from services.chassis.problems import Problem

OUTCOMES: Final = frozenset({"confirm", "release", "wait"})


class Refused(Exception):
    """The stock was not reserved, and asking again under the same number will not change that."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Odd(Unreachable):
    """An answer that makes no sense here."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A line as it was reserved: with the product's name and price (pence) at that moment."""

    sku: str
    name: str
    quantity: int
    unit_cents: int


class Peers:
    """The other owners, behind the gateway."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    def reserve(self, *, order_no: str, customer: str, lines: Sequence[Line]) -> Sequence[Reserved]:
        """Reserve stock for an order, or find it reserved; Refused, or Unreachable when nobody knows."""
        wanted = [{"sku": line.sku, "quantity": line.quantity} for line in lines]
        response = self._gateway.request(
            "POST", "/products/reservations", json={"order": order_no, "customer": customer, "lines": wanted}
        )
        answer = _object(response)
        if response.status_code in {200, 201}:
            return _reserved(answer, lines)
        raise _refusal(response, answer)

    def confirm(self, *, order_no: str) -> bool:
        """Confirm an order's reservation; False when it cannot be."""
        return self._settle(order_no, "confirm")

    def release(self, *, order_no: str) -> bool:
        """Give an order's stock back; False when it cannot be."""
        return self._settle(order_no, "release")

    def outcome(self, *, order_no: str, customer: str) -> str:
        """Return what the owner of orders says a reservation's fate is: `confirm`, `release` or `wait`."""
        response = self._gateway.request("POST", f"/orders/{order_no}/settle", json={"customer": customer})
        outcome = _object(response).get("outcome")
        if response.status_code != 200 or outcome not in OUTCOMES:
            raise _odd(response)
        return str(outcome)

    def _settle(self, order_no: str, verb: str) -> bool:
        response = self._gateway.request("POST", f"/products/reservations/{order_no}/{verb}")
        if response.status_code == 200:
            return True
        if response.status_code in {404, 409}:
            return False
        raise _odd(response)


def through_gateway() -> Peers:
    """Return this process's peers."""
    return Peers(client.gateway(settings.COMPONENT, settings.GATEWAY_URL, settings.IDENTITY_KEY_FILE))


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        raise _odd(response) from None
    if not isinstance(answer, dict):
        raise _odd(response)
    return answer


def _reserved(answer: Mapping[str, Any], lines: Sequence[Line]) -> Sequence[Reserved]:
    try:
        reserved = [
            Reserved(
                sku=line["sku"],
                name=line["name"],
                quantity=line["quantity"],
                unit_cents=contract.cents(Decimal(line["unit_price"]["amount"])),
            )
            for line in answer["lines"]
        ]
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise Odd("a reservation that cannot be read") from None
    if sorted((line.sku, line.quantity) for line in reserved) != sorted((line.sku, line.quantity) for line in lines):
        raise Odd("a reservation of something else")
    return reserved


def _refusal(response: httpx.Response, answer: Mapping[str, Any]) -> Exception:
    """Return what to raise about a reservation that was not made."""
    slug = str(answer.get("type", "")).removeprefix("/problems/")
    if slug == "insufficient-stock" and isinstance(answer.get("shortfalls"), list):
        return Refused(Problem(slug, shortfalls=answer["shortfalls"]))
    # The lines were sent in the client's order, so the errors point into the client's own body.
    if slug == "validation" and isinstance(answer.get("errors"), list):
        return Refused(Problem(slug, errors=answer["errors"]))
    if slug == "reservation-settled":
        return Refused(Problem(slug, state=answer.get("state")))
    return _odd(response)


def _odd(response: httpx.Response) -> Odd:
    return Odd(f"{response.request.method} {response.request.url.path}: {response.status_code}")
