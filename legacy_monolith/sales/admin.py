"""Sales in the monolith's own admin. Orders change by their actions only, along the table of transitions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from legacy_monolith.catalogue.admin import ReadOnly, pounds
from legacy_monolith.sales import lifecycle, peers
from legacy_monolith.sales.models import Customer, IdempotencyKey, Order, OrderLine, Return, StatusChange
from services.chassis.problems import Problem


class OrderLineInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = OrderLine
    fields = ("code", "title", "qty", "unit_cents")
    ordering = ("code", "line_no")


class StatusChangeInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = StatusChange
    fields = ("status", "at")
    ordering = ("at", "id")


def _mark(status: str) -> Any:
    """Return the admin's action that gives orders a status."""

    @admin.action(description=f"Mark as {status}", permissions=["operate"])
    def action(model_admin: OrderAdmin, request: HttpRequest, chosen: QuerySet[Order]) -> None:
        done = 0
        for order_no in chosen.order_by("order_no").values_list("order_no", flat=True):
            try:
                # No request through the gateway, so nobody has said who owns products: not taken for granted.
                lifecycle.change_status(
                    order_no=order_no,
                    to=status,
                    customer=None,
                    products_here=False,
                    peers=peers.through_gateway(),
                    now=timezone.now(),
                )
                done += 1
            except Problem as problem:
                model_admin.message_user(request, f"{order_no}: {problem.detail}", messages.ERROR)
        if done:
            model_admin.message_user(request, f"{done} marked as {status}.", messages.SUCCESS)

    action.__name__ = f"mark_{status}"
    return action


@admin.register(Order)
class OrderAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("order_no", "cust_ref", "status", "total", "placed", "stock_settled")
    list_filter = ("status", "stock_settled", "placed")
    ordering = ("-placed", "-order_no")
    search_fields = ("order_no", "cust_ref")
    search_help_text = "By number or customer."
    inlines = (OrderLineInline, StatusChangeInline)
    actions = tuple(_mark(status) for status in ("paid", "shipped", "delivered", "refunded", "cancelled"))

    @admin.display(ordering="total_cents")
    def total(self, order: Order) -> str:
        return pounds(order.total_cents)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run the actions."""
        return request.user.has_perm("sales.change_order")


@admin.register(Customer)
class CustomerAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("ref", "legacy_no", "country")
    list_filter = ("country",)
    ordering = ("ref",)
    search_fields = ("ref", "legacy_no")


@admin.register(Return)
class ReturnAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("return_no", "line", "qty", "at")
    list_select_related = ("line",)
    ordering = ("-at", "-id")
    search_fields = ("return_no", "line__code")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("cust_ref", "key", "order_no", "lease_until", "abandoned")
    ordering = ("-created", "-id")
    search_fields = ("order_no", "cust_ref")
