"""The tables of orders. Names that people know are natural keys; amounts are exact decimals.

Order ←— OrderLine, StatusChange        IdempotencyKey
"""

from __future__ import annotations

from typing import ClassVar, Final

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from services.chassis import contract
from services.ownership.triggers import Recorded

_ASCII: Final = "C"


class Status(models.TextChoices):
    PLACED = "placed"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Order(models.Model):
    """What somebody bought, and where it goes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.CharField(max_length=40, unique=True, db_collation=_ASCII)
    customer = models.CharField(max_length=contract.CUSTOMER_MAX, db_collation=_ASCII)
    status = models.CharField(max_length=9, choices=Status, default=Status.PLACED)
    placed_at = models.DateTimeField()
    ship_to_name = models.CharField(max_length=contract.SHIP_TO_MAX["name"])
    ship_to_street = models.CharField(max_length=contract.SHIP_TO_MAX["street"])
    ship_to_city = models.CharField(max_length=contract.SHIP_TO_MAX["city"])
    ship_to_postcode = models.CharField(max_length=contract.SHIP_TO_MAX["postcode"])
    ship_to_country = models.CharField(max_length=contract.SHIP_TO_MAX["country"])
    total = models.DecimalField(max_digits=14, decimal_places=2)
    stock_settled = models.BooleanField(default=False)
    """False while the reservation still has to be confirmed (or, for a cancelled order, released)."""

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="order_number", condition=Q(number__regex=rf"^{contract.ORDER_NUMBER.pattern}$")
            ),
            models.CheckConstraint(name="order_status", condition=Q(status__in=Status.values)),
            models.CheckConstraint(name="order_total", condition=Q(total__gte=contract.PRICE_MIN)),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(F("placed_at").desc(), F("number").desc(), name="order_by_age"),
            models.Index(F("customer"), F("placed_at").desc(), F("number").desc(), name="order_by_customer"),
            models.Index(F("status"), F("placed_at").desc(), F("number").desc(), name="order_by_status"),
            models.Index(F("number"), name="order_unsettled", condition=Q(stock_settled=False)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(name="order_status", field="status", transitions=sorted(contract.TRANSITIONS)),
            *Recorded(
                capability="orders",
                aggregate="order",
                root="t.number",
                key=["t.number"],
                fixed=["number", "customer"],
                customer="t.customer",
            ).triggers(),
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(models.Model):
    """So much of one product, at the name and price of that moment. An imported order may name a product twice."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_index=False)
    position = models.IntegerField()
    """From 1; breaks ties where a product occurs twice."""
    sku = models.CharField(max_length=40, db_collation=_ASCII)
    name = models.CharField(max_length=contract.NAME_MAX)
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=7, decimal_places=2)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_once"),
            models.CheckConstraint(name="order_line_position", condition=Q(position__gte=1)),
            models.CheckConstraint(name="order_line_sku", condition=Q(sku__regex=rf"^{contract.SKU.pattern}$")),
            models.CheckConstraint(name="order_line_quantity", condition=Q(quantity__gte=1)),
            models.CheckConstraint(
                name="order_line_price",
                condition=Q(unit_price__gte=contract.PRICE_MIN, unit_price__lte=contract.PRICE_MAX),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="orders",
            aggregate="order_line",
            root="o.number",
            key=["o.number", "t.position"],
            fixed=["order_id", "position"],
            customer="o.customer",
            join="LEFT JOIN orders_order o ON o.id = t.order_id",
            extra={"number": "o.number", "placed_at": "o.placed_at"},
        ).triggers()

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"


class StatusChange(models.Model):
    """When an order reached a status."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="history", db_index=False)
    status = models.CharField(max_length=9, choices=Status)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="status_change_status", condition=Q(status__in=Status.values)),
            # No status can be reached twice: the table of transitions has no way round.
            models.UniqueConstraint(fields=["order", "status"], name="status_change_once"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="orders",
            aggregate="status_change",
            root="o.number",
            key=["o.number", "t.status"],
            fixed=["order_id", "status"],
            customer="o.customer",
            join="LEFT JOIN orders_order o ON o.id = t.order_id",
            extra={"number": "o.number"},
        ).triggers()

    def __str__(self) -> str:
        return self.status


class KeyState(models.TextChoices):
    IN_FLIGHT = "in_flight"
    """Running until the lease ends; after that anyone's to take over."""
    DONE = "done"
    ABANDONED = "abandoned"
    """Somebody was told that no order will ever have this number."""


class IdempotencyKey(models.Model):
    """An attempt to place an order, under the key that the customer chose for it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.CharField(max_length=contract.CUSTOMER_MAX, db_collation=_ASCII)
    key = models.CharField(max_length=255, db_collation=_ASCII)
    fingerprint = models.CharField(max_length=64)
    number = models.CharField(max_length=40, unique=True, db_collation=_ASCII)
    """Of the order that this becomes; the reservation is found under it."""
    state = models.CharField(max_length=9, choices=KeyState, default=KeyState.IN_FLIGHT)
    attempt = models.IntegerField(default=1)
    """How many runs there have been; a run that was taken over knows by it that the row is no longer its own."""
    lease_until = models.DateTimeField()
    answer = models.TextField(default="", blank=True)
    """The body that was sent, byte by byte."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["customer", "key"], name="idempotency_key_once"),
            models.CheckConstraint(name="idempotency_key_state", condition=Q(state__in=KeyState.values)),
            models.CheckConstraint(
                name="idempotency_key_answer",
                condition=(Q(state=KeyState.DONE) & ~Q(answer="")) | (~Q(state=KeyState.DONE) & Q(answer="")),
            ),
            models.CheckConstraint(
                name="idempotency_key_number", condition=Q(number__regex=rf"^{contract.ORDER_NUMBER.pattern}$")
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(F("lease_until"), name="idempotency_key_by_lease"),
            models.Index(F("customer"), name="idempotency_key_running", condition=Q(state=KeyState.IN_FLIGHT)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="orders",
            aggregate="idempotency_key",
            # A renumbered key goes on as another order: what it is known by is the customer's word for it.
            root="t.customer || ' ' || t.key",
            key=["t.customer", "t.key"],
            fixed=["customer", "key"],
            customer="t.customer",
        ).triggers()

    def __str__(self) -> str:
        return f"{self.customer} {self.key}"
