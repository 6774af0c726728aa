"""The catalogue's tables. Money is in integer pence; `code` is what the API calls sku."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from services.chassis import contract
from services.ownership.triggers import Recorded

# Unicode case mapping, order by code point, the same on every server.
_UNICODE = "pg_c_utf8"
_ASCII = "C"


class Category(models.Model):
    """A shelf of the shop."""

    slug = models.SlugField(max_length=60, unique=True, db_index=False, db_collation=_ASCII)
    name = models.CharField(max_length=100, db_collation=_UNICODE)

    class Meta:
        verbose_name_plural = "categories"
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="products", aggregate="category", root="t.slug", key=["t.slug"], fixed=["slug"]
        ).triggers()

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """Something that is, or was, sold. A deleted product stays as an inactive row, so that its code stays taken."""

    code = models.CharField(max_length=40, unique=True, db_collation=_ASCII)
    title = models.CharField(max_length=contract.NAME_MAX, db_collation=_UNICODE)
    descr = models.TextField("description", blank=True, default="", db_collation=_UNICODE)
    price_cents = models.IntegerField()
    qty = models.IntegerField("stock", default=0)
    active = models.BooleanField(default=True)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, null=True, blank=True, related_name="products", db_index=False
    )
    created = models.DateTimeField(default=timezone.now)
    modified = models.DateTimeField(default=timezone.now)
    """When the catalogue's entry was last changed. Selling from its stock is no such change."""

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="product_code", condition=Q(code__regex=rf"^{contract.SKU.pattern}$")),
            models.CheckConstraint(name="product_title", condition=~Q(title="")),
            models.CheckConstraint(
                name="product_price",
                condition=Q(
                    price_cents__range=(contract.cents(contract.PRICE_MIN), contract.cents(contract.PRICE_MAX))
                ),
            ),
            models.CheckConstraint(name="product_qty", condition=Q(qty__gte=0)),
        ]
        # The list's orders, each total by its code.
        indexes: ClassVar[list[models.Index]] = [
            models.Index(Lower("title"), F("code"), name="product_by_title", condition=Q(active=True)),
            models.Index(F("price_cents"), F("code"), name="product_by_price", condition=Q(active=True)),
            models.Index(F("created").desc(), F("code"), name="product_by_created", condition=Q(active=True)),
            models.Index(
                F("category"), Lower("title"), F("code"), name="product_by_category", condition=Q(active=True)
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="products",
            aggregate="product",
            root="t.code",
            key=["t.code"],
            fixed=["code"],
            join="LEFT JOIN catalogue_category c ON c.id = t.category_id",
            extra={"category": "c.slug"},
        ).triggers()

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class ReservationState(models.TextChoices):
    HELD = "H", "held"
    CONFIRMED = "C", "confirmed"
    RELEASED = "R", "released"


class Reservation(models.Model):
    """Stock taken out for one order, which may be kept elsewhere: hence its number and no foreign key."""

    order_no = models.CharField(max_length=40, unique=True, db_collation=_ASCII)
    cust_ref = models.CharField(max_length=contract.CUSTOMER_MAX)
    state = models.CharField(max_length=1, choices=ReservationState)
    expires = models.DateTimeField()
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="reservation_state", condition=Q(state__in=ReservationState.values)),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index("expires", name="reservation_held", condition=Q(state=ReservationState.HELD)),
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
                root="t.order_no",
                key=["t.order_no"],
                fixed=["order_no"],
            ).triggers(),
        ]

    def __str__(self) -> str:
        return self.order_no


class ReservationLine(models.Model):
    """How much of one product, and its name and price at that moment."""

    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=contract.NAME_MAX)
    qty = models.IntegerField()
    unit_cents = models.IntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["reservation", "product"], name="reservationline_once"),
            models.CheckConstraint(name="reservationline_qty", condition=Q(qty__gte=1)),
            models.CheckConstraint(name="reservationline_price", condition=Q(unit_cents__gte=1)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = Recorded(
            capability="products",
            aggregate="reservation_line",
            root="r.order_no",
            key=["r.order_no", "p.code"],
            fixed=["reservation_id", "product_id"],
            join="LEFT JOIN catalogue_reservation r ON r.id = t.reservation_id"
            " LEFT JOIN catalogue_product p ON p.id = t.product_id",
            extra={"order_no": "r.order_no", "created": "r.created", "code": "p.code"},
        ).triggers()

    def __str__(self) -> str:
        return f"{self.qty} × {self.title}"
