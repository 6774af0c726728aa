"""Looking at what the mover has recorded. Nothing here can be edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from gateway.migration.models import Cutover, Reconciliation


class ReadOnly(ModelAdmin):  # type: ignore[misc]
    """What is recorded is not edited."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Cutover)
class CutoverAdmin(ReadOnly):
    """Moves, the latest first."""

    list_display = ("what", "state_shown", "pause", "reason_shown", "by_whom", "started_at")
    list_display_links = ("what",)
    list_filter = ("capability", "state")
    ordering = ("-started_at", "-id")
    fields = (
        "capability", "source", "target", "buckets", "epoch", "state", "pause_ms", "reason", "by_whom", "started_at",
        "changed_at",
    )  # fmt: skip

    @display(description="Move", header=True)  # type: ignore[untyped-decorator]
    def what(self, cutover: Cutover) -> tuple[str, str]:
        number = len(cutover.buckets)
        noun = "bucket" if number == 1 else "buckets"
        return f"{cutover.get_capability_display()} to the {cutover.target}", f"{number:,} {noun}"

    @display(  # type: ignore[untyped-decorator]
        description="State", ordering="state", label={"done": "success", "abandoned": "warning", "open": "info"}
    )
    def state_shown(self, cutover: Cutover) -> tuple[str, str]:
        kind = cutover.state if cutover.state in {"done", "abandoned"} else "open"
        return kind, cutover.get_state_display()

    @display(description="Pause", ordering="pause_ms")  # type: ignore[untyped-decorator]
    def pause(self, cutover: Cutover) -> str:
        return "–" if cutover.pause_ms is None else f"{cutover.pause_ms:.0f} ms"

    @display(description="Reason")  # type: ignore[untyped-decorator]
    def reason_shown(self, cutover: Cutover) -> str:
        return cutover.reason or "–"


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnly):
    """Comparisons, the latest first."""

    list_display = ("of", "outcome", "row_count", "started_at", "finished_at")
    list_display_links = ("of",)
    list_filter = ("capability",)
    ordering = ("-started_at", "-id")
    fields = ("capability", "rows", "differences", "detail", "started_at", "finished_at")

    @display(description="Capability", ordering="capability")  # type: ignore[untyped-decorator]
    def of(self, reconciliation: Reconciliation) -> str:
        return str(reconciliation.get_capability_display())

    @display(  # type: ignore[untyped-decorator]
        description="Outcome", label={"equal": "success", "different": "danger", "unfinished": "info"}
    )
    def outcome(self, reconciliation: Reconciliation) -> tuple[str, str]:
        if reconciliation.finished_at is None:
            return "unfinished", "Unfinished"
        if reconciliation.differences:
            noun = "difference" if reconciliation.differences == 1 else "differences"
            return "different", f"{reconciliation.differences:,} {noun}"
        return "equal", "Equal"

    @display(description="Rows", ordering="rows")  # type: ignore[untyped-decorator]
    def row_count(self, reconciliation: Reconciliation) -> str:
        return f"{reconciliation.rows:,}"
