"""Steering traffic from the operators' admin: one capability at a time, with a reason, and nothing else to go wrong."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from gateway.routing.dashboard import routes
from gateway.routing.models import Toggle
from gateway.routing.steering import steer


class ToggleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Where to, and why. The reason is asked for anew each time."""

    side = forms.ChoiceField(
        label="Answered by",
        choices=(
            ("monolith", "The legacy monolith"),
            ("service", "The extracted service"),
        ),
        widget=UnfoldAdminRadioSelectWidget(),
        help_text="All workers follow within a moment of saving. Requests that are under way finish where they began.",
    )
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": "Why is this moved?"}),
        help_text="Kept with the change, for whoever asks later.",
    )

    class Meta:
        model = Toggle
        fields = ("side",)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.initial["reason"] = ""


@admin.register(Toggle)
class ToggleAdmin(ModelAdmin):  # type: ignore[misc]
    """The two toggles. Rows cannot be added, deleted or edited in bulk."""

    form = ToggleForm
    list_display = ("capability_name", "answered_by", "reason", "updated_by", "updated_at")
    list_display_links = ("capability_name",)
    ordering = ("capability",)
    actions = None
    fieldsets = (
        (None, {"fields": ("path", "side", "reason")}),
        ("Last change", {"fields": ("last_reason", "updated_by", "updated_at")}),
    )
    readonly_fields = ("path", "last_reason", "updated_by", "updated_at")
    list_before_template = "admin/routing/revision.html"
    change_form_before_template = "admin/routing/revision.html"

    @display(description="Capability", ordering="capability", header=True)  # type: ignore[untyped-decorator]
    def capability_name(self, toggle: Toggle) -> tuple[str, str]:
        return toggle.get_capability_display(), f"/{toggle.capability}"

    @display(description="Capability")  # type: ignore[untyped-decorator]
    def path(self, toggle: Toggle) -> str:
        return f"{toggle.get_capability_display()}: every path from /{toggle.capability} on"

    @display(description="Answered by", ordering="side", label={"Monolith": "warning", "Service": "success"})  # type: ignore[untyped-decorator]
    def answered_by(self, toggle: Toggle) -> str:
        return str(toggle.get_side_display())

    @display(description="Reason")  # type: ignore[untyped-decorator]
    def last_reason(self, toggle: Toggle) -> str:
        return toggle.reason or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Toggle | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Toggle, form: ToggleForm, change: bool) -> None:
        """Steer, in place of saving the row as the form left it."""
        moved = steer(
            capability=obj.capability,  # type: ignore[arg-type]
            side=form.cleaned_data["side"],
            by=str(request.user),
            reason=form.cleaned_data["reason"],
            now=timezone.now(),
        )
        form.moved = moved  # type: ignore[attr-defined]

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        moved, reason = form.moved, form.cleaned_data["reason"]
        if not moved.changed:
            return f"Left with the {moved.after}: {reason}"
        return f"{moved.before} → {moved.after}: {reason}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **routes()})
        return response

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        more = {"show_save_and_add_another": False, "show_save_and_continue": False, **routes()}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **more})
