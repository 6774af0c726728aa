"""The tables of products. Names that people know are natural keys; prices are exact decimals.

Category ←— Product ←— ReservationLine —→ Reservation
"""

from __future__ import annotations

from typing import ClassVar, Final

import pgtrigger
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Collate, Concat, Lower
from django.utils import timezone
from uuid_utils.compat import uuid7

from services.chassis import contract
from services.ownership.triggers import Recorded

# Case mapping of Unicode and order by code point, whatever the server's own locale is.
_UNICODE: Final = "pg_c_utf8"
_ASCII: Final = "C"


class Category(models.Model):
    """A shelf of the shop."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=60, unique=True, db_index=False, db_collation=_ASCII)
    name = models.CharField(max_length=100, db_collation=_UNICODE)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="category_slug", condition=Q(slug__regex=r"^[a-zA-Z0-9_-]+$")),
            models.CheckConstraint(name="category_name", condition=~Q(name="")),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="products", aggregate="category", root="t.slug", key=["t.slug"], fixed=["slug"]
        ).triggers()

    def __str__(self) -> str:
        return self.slug


class Product(models.Model):
    """Something that is, or was, sold. A deleted one stays as a row, so that its sku stays taken."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sku = models.CharField(max_length=40, unique=True, db_collation=_ASCII)
    name = models.CharField(max_length=contract.NAME_MAX, db_collation=_UNICODE)
    description = models.CharField(max_length=contract.DESCRIPTION_MAX, default="", blank=True, db_collation=_UNICODE)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, null=True, blank=True, related_name="products", db_index=False
    )
    price = models.DecimalField(max_digits=7, decimal_places=2)
    stock = models.IntegerField(default=0)
    """What can still be sold: what is held for orders has been taken off."""
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    """When the catalogue's entry was last changed. Reserving stock is no such change."""
    deleted_at = models.DateTimeField(null=True, blank=True)
    # No search term holds white space, so that none is found across the line ends.
    search_text = models.GeneratedField(
        expression=Lower(Collate(Concat(F("name"), Value("\n"), F("sku"), Value("\n"), F("description")), _UNICODE)),
        output_field=models.TextField(db_collation=_UNICODE),
        db_persist=True,
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="product_sku", condition=Q(sku__regex=rf"^{contract.SKU.pattern}$")),
            models.CheckConstraint(name="product_name", condition=~Q(name="")),
            models.CheckConstraint(
                name="product_price", condition=Q(price__gte=contract.PRICE_MIN, price__lte=contract.PRICE_MAX)
            ),
            models.CheckConstraint(name="product_stock", condition=Q(stock__gte=0)),
        ]
        # The list's orders, each total by its sku.
        indexes: ClassVar[list[models.Index]] = [
            models.Index(Lower("name"), F("sku"), name="product_by_name", condition=Q(deleted_at=None)),
            models.Index(F("price"), F("sku"), name="product_by_price", condition=Q(deleted_at=None)),
            models.Index(F("created_at").desc(), F("sku"), name="product_by_age", condition=Q(deleted_at=None)),
            models.Index(
                F("category"), Lower("name"), F("sku"), name="product_by_category", condition=Q(deleted_at=None)
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="products",
            aggregate="product",
            root="t.sku",
            key=["t.sku"],
            fixed=["sku"],
            join="LEFT JOIN products_category c ON c.id = t.category_id",
            extra={"category": "c.slug"},
        ).triggers()

    def __str__(self) -> str:
        return self.sku


class ReservationState(models.TextChoices):
    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"


class Reservation(models.Model):
    """Stock taken off for one order, which may be kept elsewhere: hence its number and no foreign key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.CharField(max_length=40, unique=True, db_collation=_ASCII)
    customer = models.CharField(max_length=contract.CUSTOMER_MAX)
    state = models.CharField(max_length=9, choices=ReservationState, default=ReservationState.HELD)
    expires_at = models.DateTimeField()
    """When the sweeper asks what became of the order, if the reservation is still held then."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="reservation_order", condition=Q(order__regex=rf"^{contract.ORDER_NUMBER.pattern}$")
            ),
            models.CheckConstraint(name="reservation_state", condition=Q(state__in=ReservationState.values)),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                F("expires_at"), F("order"), name="reservation_held", condition=Q(state=ReservationState.HELD)
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.FSM(
                name="reservation_state",
                field="state",
                transitions=[
                    (ReservationState.HELD.value, ReservationState.CONFIRMED.value),
                    (ReservationState.HELD.value, ReservationState.RELEASED.value),
                    (ReservationState.CONFIRMED.value, ReservationState.RELEASED.value),
                ],
            ),
            *Recorded(
                capability="products",
                aggregate="reservation",
                root='t."order"',
                key=['t."order"'],
                fixed=['"order"'],
            ).triggers(),
        ]

    def __str__(self) -> str:
        return self.order


class ReservationLine(models.Model):
    """How much of one product, and its name and price at that moment."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="lines", db_index=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, to_field="sku", db_column="sku", related_name="+")
    name = models.CharField(max_length=contract.NAME_MAX)
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=7, decimal_places=2)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["reservation", "product"], name="reservation_line_once"),
            models.CheckConstraint(name="reservation_line_quantity", condition=Q(quantity__gte=1)),
            models.CheckConstraint(
                name="reservation_line_price",
                condition=Q(unit_price__gte=contract.PRICE_MIN, unit_price__lte=contract.PRICE_MAX),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="products",
            aggregate="reservation_line",
            root='r."order"',
            key=['r."order"', "t.sku"],
            fixed=["reservation_id", "sku"],
            join="LEFT JOIN products_reservation r ON r.id = t.reservation_id",
            extra={"order": 'r."order"', "created_at": "r.created_at"},
        ).triggers()

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id}"
