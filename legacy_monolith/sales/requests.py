"""What a request about orders asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from legacy_monolith import parsing
from legacy_monolith.lines import Line, read_lines
from legacy_monolith.paging import Paging
from services.chassis import contract
from services.chassis.problems import Problem

_CUSTOMER: Final = parsing.text(most=contract.CUSTOMER_MAX, blank=True)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order that somebody wants to place. `ship_to` has the contract's members, trimmed."""

    lines: Sequence[Line]
    ship_to: Mapping[str, str]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> OrderRequest:
        """Return what a body asks for; the validation problem when it cannot be placed."""
        fields = parsing.Fields(body)
        lines = read_lines(fields)
        members = fields.inside("ship_to")
        ship_to = {
            name: members.read(name, parsing.text(most=most, trim=True))
            for name, most in contract.SHIP_TO_MAX.items()
            if members is not None
        }
        fields.finish()
        return cls(lines=lines, ship_to=ship_to)

    @property
    def fingerprint(self) -> str:
        """What tells this request from another under the same key."""
        return contract.fingerprint(lines=[(line.sku, line.quantity) for line in self.lines], ship_to=self.ship_to)


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list shows."""

    paging: Paging
    status: str | None
    customer: str | None

    @classmethod
    def read(cls, parameters: Mapping[str, str], *, everyone: bool) -> OrderFilter:
        """Return the filter; the validation problem when a parameter cannot be used.

        Who may not see everyone's orders asks for no customer.
        """
        fields = parsing.Fields.of_query(parameters)
        status = fields.attempt("status", parsing.one_of(contract.STATUSES), None)
        customer = fields.attempt("customer", _CUSTOMER, None) if everyone else None
        paging = Paging.read(fields)
        fields.finish()
        return cls(paging=paging, status=status, customer=customer)


def read_key(header: str | None) -> str:
    """Return the idempotency key; the problem when it is missing or not a key."""
    if header is None:
        raise Problem("idempotency-key-missing")
    if not contract.IDEMPOTENCY_KEY.fullmatch(header):
        raise Problem("idempotency-key-invalid")
    return header


def read_status(body: Mapping[str, Any]) -> str:
    """Return the status that an operator asks for; the validation problem when there is no such status."""
    fields = parsing.Fields(body)
    status = fields.read("status", parsing.one_of(contract.STATUSES))
    fields.finish()
    return status


def read_customer(body: Mapping[str, Any]) -> str:
    """Return the customer in a question about an order; the validation problem when it is none."""
    fields = parsing.Fields(body)
    customer = fields.read("customer", parsing.text(most=contract.CUSTOMER_MAX))
    fields.finish()
    return customer
