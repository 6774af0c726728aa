"""Looking into comparisons: endpoint, field, examples side by side; ignoring a field, and beginning to count anew."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from gateway.comparison.browse import pairs, percent, rows
from gateway.comparison.models import Endpoint, Field, IgnoreRule
from gateway.comparison.reset import reset
from gateway.routing.table import CAPABILITIES


class ReadOnly(ModelAdmin):  # type: ignore[misc]
    """What is counted is not edited."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        """Return a page of the admin's with its frame."""
        framed = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/comparison/{template}", framed)


class ResetForm(forms.Form):
    """Why the counts begin anew."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "off", "placeholder": "What has changed since?", "autofocus": True}
        ),
        help_text="Kept in the log, for whoever misses the counts.",
    )


@admin.register(Endpoint)
class EndpointAdmin(ReadOnly):
    """How each endpoint's mirrored reads came out."""

    list_display = (
        "name",
        "compared_count",
        "mismatch_bar",
        "field_count",
        "failed",
        "dropped",
        "first_seen",
        "last_seen",
    )
    list_display_links = ("name",)
    list_filter = ("capability",)
    ordering = ("capability", "route", "method")
    list_before_template = "admin/comparison/intro.html"

    @display(description="Endpoint", ordering="route", header=True)  # type: ignore[untyped-decorator]
    def name(self, endpoint: Endpoint) -> tuple[str, str]:
        return str(endpoint), endpoint.get_capability_display()

    @display(description="Compared")  # type: ignore[untyped-decorator]
    def compared_count(self, endpoint: Endpoint) -> str:
        return f"{endpoint.compared:,}"

    @display(description="Differing")  # type: ignore[untyped-decorator]
    def mismatch_bar(self, endpoint: Endpoint) -> str:
        if endpoint.mismatch is None:
            return "–"
        # The least of differences must not look like none.
        width = 0 if not endpoint.different else max(2, round(endpoint.mismatch * 100))
        return format_html(
            '<span class="flex items-center gap-2">'
            '<span class="inline-block rounded-full bg-base-200 dark:bg-base-700" style="width: 6rem; height: .5rem">'
            '<span class="block rounded-full" '
            'style="width: {}%; height: .5rem; background: oklch(58% .19 27)"></span></span>'
            '<span style="white-space: nowrap">{}</span></span>',
            width,
            percent(endpoint.mismatch),
        )

    @display(description="Fields")  # type: ignore[untyped-decorator]
    def field_count(self, endpoint: Endpoint) -> int:
        return endpoint.fields.count()

    def get_urls(self) -> list[URLPattern]:
        again = path(
            "reset/<slug:capability>/",
            self.admin_site.admin_view(self.reset_view),
            name="comparison_endpoint_reset",
        )
        return [again, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        counted = Endpoint.objects.order_by("capability").values_list("capability", flat=True).distinct()
        more = {
            "title": "Comparisons",
            "resets": list(counted) if request.user.has_perm("comparison.reset_endpoint") else [],
            "rules": IgnoreRule.objects.filter(active=True).count(),
            "may_see_rules": request.user.has_perm("comparison.view_ignorerule"),
        }
        if not counted and self.has_view_permission(request):
            return self.page(request, "empty.html", more)
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        endpoint = self.get_object(request, object_id)
        if endpoint is None:
            raise Http404
        if not self.has_view_permission(request, endpoint):
            raise PermissionDenied
        context = {
            "title": str(endpoint),
            "endpoint": endpoint,
            "mismatch": "–" if endpoint.mismatch is None else percent(endpoint.mismatch),
            "rows": rows(endpoint),
            "may_ignore": request.user.has_perm("comparison.add_ignorerule"),
        }
        return self.page(request, "endpoint.html", context)

    def reset_view(self, request: HttpRequest, capability: str) -> HttpResponse:
        """Ask for a reason, and begin to count a capability anew."""
        if not request.user.has_perm("comparison.reset_endpoint"):
            raise PermissionDenied
        if capability not in CAPABILITIES:
            raise Http404
        form = ResetForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            forgotten = reset(capability=capability, by=request.user, reason=form.cleaned_data["reason"])  # type: ignore[arg-type]
            messages.success(request, f"{capability.title()} is counted anew. Endpoints forgotten: {forgotten}.")
            return HttpResponseRedirect(reverse("admin:comparison_endpoint_changelist"))
        context = {"title": f"Count {capability} anew", "capability": capability, "form": form}
        return self.page(request, "reset.html", context)


@admin.register(Field)
class FieldAdmin(ReadOnly):
    """One field's examples. It is reached by way of its endpoint."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:comparison_endpoint_changelist"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        asked = urlencode({"capability": found.endpoint.capability, "pattern": found.path})
        context = {
            "title": found.path,
            "field": found,
            "endpoint": found.endpoint,
            "pairs": pairs(found),
            "ignore": f"{reverse('admin:comparison_ignorerule_add')}?{asked}",
            "may_ignore": request.user.has_perm("comparison.add_ignorerule"),
        }
        return self.page(request, "field.html", context)


@admin.register(IgnoreRule)
class IgnoreRuleAdmin(ModelAdmin):  # type: ignore[misc]
    """Rules are made and switched off; what they were stays."""

    list_display = ("pattern", "of", "reason", "active", "ignored", "last_ignored_at", "created_by")
    list_filter = ("active", "capability")
    ordering = ("pattern", "id")
    actions = None
    fields = ("capability", "pattern", "reason")

    @display(description="Capability", ordering="capability")  # type: ignore[untyped-decorator]
    def of(self, rule: IgnoreRule) -> str:
        return rule.get_capability_display() if rule.capability else "Every"

    def has_delete_permission(self, request: HttpRequest, obj: IgnoreRule | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: IgnoreRule | None = None) -> tuple[str, ...]:
        if obj is None:
            return self.fields
        return (*self.fields, "active", "ignored", "last_ignored_at", "created_by", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: IgnoreRule | None = None) -> tuple[str, ...]:
        # How often it has ignored something must go on meaning the same thing.
        readonly = ("ignored", "last_ignored_at", "created_by", "created_at")
        return readonly if obj is None else ("capability", "pattern", *readonly)

    def save_model(self, request: HttpRequest, obj: IgnoreRule, form: Any, change: bool) -> None:
        if not change:
            obj.created_by, obj.created_at = str(request.user), timezone.now()
            obj.save()
        else:
            # Only what people edit: workers count in the same row meanwhile.
            obj.save(update_fields=["active", "reason"])
