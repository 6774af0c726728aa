"""The catalogue in the monolith's own admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from legacy_monolith.catalogue.models import Category, Product, Reservation, ReservationLine
from services.chassis import contract


class ReadOnly:
    """What the admin shows and nobody edits there."""

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False


def pounds(cents: int) -> str:
    """Return an amount of pence as people read it."""
    return f"£{cents // 100:,}.{cents % 100:02d}"


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "slug")
    ordering = ("name",)
    search_fields = ("name", "slug")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("code", "title", "category", "price", "qty", "active")
    list_filter = ("active", "category")
    list_select_related = ("category",)
    ordering = ("code",)
    search_fields = ("code", "title")
    fields = ("code", "title", "descr", "category", "price_cents", "qty", "active", "created", "modified")
    readonly_fields = ("created", "modified")

    @admin.display(description="price", ordering="price_cents")
    def price(self, product: Product) -> str:
        return pounds(product.price_cents)

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        return ("code", *self.readonly_fields) if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        # A product that is taken off the shop becomes inactive: its code stays taken.
        return False

    def save_model(self, request: HttpRequest, obj: Product, form: ModelForm[Product], change: bool) -> None:
        obj.modified = timezone.now()
        # Only what was edited: the stock in the form may have been sold since the page was opened.
        obj.save(update_fields=[*form.changed_data, "modified"] if change else None)

    def get_form(self, request: HttpRequest, obj: Product | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if "price_cents" in form.base_fields:
            form.base_fields["price_cents"].help_text = f"In pence, {contract.CURRENCY}."
        return form


class ReservationLineInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = ReservationLine
    fields = ("product", "title", "qty", "unit_cents")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReservationLine]:
        return super().get_queryset(request).select_related("product").order_by("product__code")


@admin.register(Reservation)
class ReservationAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("order_no", "cust_ref", "state", "created", "expires")
    list_filter = ("state",)
    ordering = ("-created", "-id")
    search_fields = ("order_no", "cust_ref")
    inlines = (ReservationLineInline,)
