"""The tables of sales. Money is in integer pence; `order_no` is what the API calls an order's number."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from services.chassis import contract
from services.ownership.triggers import Recorded

_ASCII = "C"


class Status(models.TextChoices):
    """How the table spells a status; the label is how the API does."""

    PLACED = "N", "placed"
    PAID = "P", "paid"
    SHIPPED = "S", "shipped"
    DELIVERED = "D", "delivered"
    CANCELLED = "X", "cancelled"
    REFUNDED = "R", "refunded"


LETTERS = {status.label: status for status in Status}
"""From the API's word to the table's letter."""


class Customer(models.Model):
    """A customer that came with imported orders. Others are known by their reference only."""

    ref = models.CharField(max_length=contract.CUSTOMER_MAX, unique=True, db_collation=_ASCII)
    legacy_no = models.CharField("number in the old books", max_length=20, blank=True, default="")
    country = models.CharField(max_length=60, blank=True, default="")
    created = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.ref


class Order(models.Model):
    """What somebody bought, and where it goes."""

    order_no = models.CharField("number", max_length=40, unique=True, db_collation=_ASCII)
    cust_ref = models.CharField("customer", max_length=contract.CUSTOMER_MAX, db_collation=_ASCII)
    status = models.CharField(max_length=1, choices=Status, default=Status.PLACED)
    ship_name = models.CharField(max_length=contract.SHIP_TO_MAX["name"])
    ship_street = models.CharField(max_length=contract.SHIP_TO_MAX["street"])
    ship_city = models.CharField(max_length=contract.SHIP_TO_MAX["city"])
    ship_postcode = models.CharField(max_length=contract.SHIP_TO_MAX["postcode"])
    ship_country = models.CharField(max_length=contract.SHIP_TO_MAX["country"])
    total_cents = models.BigIntegerField()
    placed = models.DateTimeField()
    stock_settled = models.BooleanField(default=True)
    """False while the reservation still has to be confirmed (or, for a cancelled order, released)."""

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="order_number", condition=Q(order_no__regex=rf"^{contract.ORDER_NUMBER.pattern}$")
            ),
            models.CheckConstraint(name="order_status", condition=Q(status__in=Status.values)),
            models.CheckConstraint(name="order_total", condition=Q(total_cents__gte=1)),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(F("placed").desc(), F("order_no").desc(), name="order_by_placed"),
            models.Index(F("cust_ref"), F("placed").desc(), F("order_no").desc(), name="order_by_customer"),
            models.Index(F("status"), F("placed").desc(), F("order_no").desc(), name="order_by_status"),
            models.Index("order_no", name="order_unsettled", condition=Q(stock_settled=False)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(
                name="order_status",
                field="status",
                transitions=[
                    (LETTERS[before].value, LETTERS[after].value) for before, after in sorted(contract.TRANSITIONS)
                ],
            ),
            *Recorded(
                capability="orders",
                aggregate="order",
                root="t.order_no",
                key=["t.order_no"],
                fixed=["order_no", "cust_ref"],
                customer="t.cust_ref",
            ).triggers(),
        ]

    def __str__(self) -> str:
        return self.order_no


class OrderLine(models.Model):
    """One product of an order. An imported order may hold a product twice, at two prices."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    line_no = models.IntegerField()
    code = models.CharField(max_length=40, db_collation=_ASCII)
    title = models.CharField(max_length=contract.NAME_MAX)
    qty = models.IntegerField()
    unit_cents = models.IntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["order", "line_no"], name="orderline_once"),
            models.CheckConstraint(name="orderline_qty", condition=Q(qty__gte=1)),
            models.CheckConstraint(name="orderline_price", condition=Q(unit_cents__gte=1)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="orders",
            aggregate="order_line",
            root="o.order_no",
            key=["o.order_no", "t.line_no"],
            fixed=["order_id", "line_no"],
            customer="o.cust_ref",
            join="LEFT JOIN sales_order o ON o.id = t.order_id",
            extra={"order_no": "o.order_no", "placed": "o.placed"},
        ).triggers()

    def __str__(self) -> str:
        return f"{self.qty} × {self.code}"


class StatusChange(models.Model):
    """When an order reached a status."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="changes")
    status = models.CharField(max_length=1, choices=Status)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="statuschange_status", condition=Q(status__in=Status.values)),
            # No status can be reached twice: the table of transitions has no way round.
            models.UniqueConstraint(fields=["order", "status"], name="statuschange_once"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="orders",
            aggregate="status_change",
            root="o.order_no",
            key=["o.order_no", "t.status"],
            fixed=["order_id", "status"],
            customer="o.cust_ref",
            join="LEFT JOIN sales_order o ON o.id = t.order_id",
            extra={"order_no": "o.order_no"},
        ).triggers()

    def __str__(self) -> str:
        return self.get_status_display()


class Return(models.Model):
    """Goods of an imported order that came back, by the cancellation invoice that says so."""

    return_no = models.CharField("number", max_length=40, db_collation=_ASCII)
    line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="returns")
    qty = models.IntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["return_no", "line"], name="return_once"),
            models.CheckConstraint(name="return_qty", condition=Q(qty__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.return_no}: {self.qty}"


class IdempotencyKey(models.Model):
    """A placement that is running, has died or has been answered.

    Unfinished (`answer` is null): running until `lease_until`, after that anyone's to take over.
    """

    cust_ref = models.CharField(max_length=contract.CUSTOMER_MAX)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    order_no = models.CharField(max_length=40, unique=True, db_collation=_ASCII)
    lease_until = models.DateTimeField()
    abandoned = models.BooleanField(default=False)
    """Somebody was told that no order will ever have this number."""
    answer = models.TextField(null=True, blank=True)  # noqa: DJ001
    """The body that was sent, byte by byte; null until there is one."""
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["cust_ref", "key"], name="idempotencykey_once"),
            models.CheckConstraint(name="idempotencykey_outcome", condition=~Q(abandoned=True, answer__isnull=False)),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index("created", name="idempotencykey_by_age"),
            models.Index("cust_ref", name="idempotencykey_running", condition=Q(answer=None, abandoned=False)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="orders",
            aggregate="idempotency_key",
            # A renumbered key goes on as another order: what it is known by is the customer's word for it.
            root="t.cust_ref || ' ' || t.key",
            key=["t.cust_ref", "t.key"],
            fixed=["cust_ref", "key"],
            customer="t.cust_ref",
        ).triggers()

    def __str__(self) -> str:
        return f"{self.cust_ref} {self.key}"
