"""Steering traffic from the operators' admin: one capability at a time, with a reason, and nothing else to go wrong."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display

from gateway.routing import testers
from gateway.routing.dashboard import followers
from gateway.routing.forms import SPLIT, ToggleForm
from gateway.routing.models import Toggle
from gateway.routing.steering import Setting, steer


@admin.register(Toggle)
class ToggleAdmin(ModelAdmin):  # type: ignore[misc]
    """The two toggles. Rows cannot be added, deleted or edited in bulk."""

    form = ToggleForm
    list_display = ("capability_name", "answered_by", "reason", "updated_by", "updated_at")
    list_display_links = ("capability_name",)
    ordering = ("capability",)
    actions = None
    fieldsets = (
        (None, {"fields": ("path", "course", "reads", "writes", "reason")}),
        ("Beside the answer", {"fields": ("shadow", "fallback")}),
        ("Last change", {"fields": ("last_reason", "updated_by", "updated_at")}),
    )
    conditional_fields: ClassVar[dict[str, str]] = {"reads": f"course == '{SPLIT}'", "writes": f"course == '{SPLIT}'"}
    readonly_fields = ("path", "last_reason", "updated_by", "updated_at")
    list_before_template = "admin/routing/adoption.html"
    change_form_before_template = "admin/routing/adoption.html"

    @display(description="Capability", ordering="capability", header=True)  # type: ignore[untyped-decorator]
    def capability_name(self, toggle: Toggle) -> tuple[str, str]:
        return toggle.get_capability_display(), f"/{toggle.capability}"

    @display(description="Capability")  # type: ignore[untyped-decorator]
    def path(self, toggle: Toggle) -> str:
        return f"{toggle.get_capability_display()}: every path from /{toggle.capability} on"

    @display(  # type: ignore[untyped-decorator]
        description="Answered by", ordering="reads", label={"monolith": "warning", "service": "success", SPLIT: "info"}
    )
    def answered_by(self, toggle: Toggle) -> tuple[str, str]:
        setting = Setting.of(toggle)
        return setting.side or SPLIT, str(setting).capitalize()

    @display(description="Reason")  # type: ignore[untyped-decorator]
    def last_reason(self, toggle: Toggle) -> str:
        return toggle.reason or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Toggle | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        ours = [
            path("adoption/", self.admin_site.admin_view(self.adoption_view), name="routing_toggle_adoption"),
            path("test/", self.admin_site.admin_view(self.test_view), name="routing_toggle_test"),
        ]
        return [*ours, *super().get_urls()]

    def adoption_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the line that says how far the last change has come: pages ask again until it is complete."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return render(request, "admin/routing/adoption.html", followers())

    def test_view(self, request: HttpRequest) -> HttpResponse:
        return testers.page(request, self.admin_site.each_context(request))

    def save_model(self, request: HttpRequest, obj: Toggle, form: ToggleForm, change: bool) -> None:
        """Steer, in place of saving the row as the form left it."""
        said = form.cleaned_data
        form.moved = steer(  # type: ignore[attr-defined]
            capability=obj.capability,  # type: ignore[arg-type]
            reads=said["reads"],
            writes=said["writes"],
            shadow=said["shadow"],
            fallback=said["fallback"],
            by=str(request.user),
            reason=said["reason"],
            now=timezone.now(),
        )

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        moved, reason = form.moved, form.cleaned_data["reason"]
        if not moved.changed:
            return f"Left as it was ({moved.after}): {reason}"
        return f"{moved.before} → {moved.after}: {reason}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **followers()})
        return response

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        more = {"show_save_and_add_another": False, "show_save_and_continue": False, **followers()}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **more})
