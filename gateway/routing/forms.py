"""What operators fill in: shares for people, in percent; buckets for the toggles."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from gateway.routing.buckets import BUCKETS, buckets_of, percent_of
from gateway.routing.models import Toggle
from gateway.routing.steering import Setting
from gateway.routing.table import CAPABILITIES, WHOLE, Capability, Side

HOURS: Final = (1, 8)
SPLIT: Final = "split"

# static/routing/shares.js looks for these.
_LIVE: Final = {"data-buckets": str(BUCKETS), "min": "0", "max": "100", "step": "any", "inputmode": "decimal"}


def reason_field(placeholder: str) -> forms.CharField:
    """Return the field that is empty each time, and must not stay so."""
    return forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": placeholder}),
        help_text="Kept with the change, for whoever asks later.",
    )


class PercentField(forms.DecimalField):
    """Buckets of 1,024, as a percentage."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminDecimalFieldWidget(attrs=_LIVE)
        super().__init__(min_value=0, max_value=100, decimal_places=2, required=False, widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        return percent_of(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        percent: Decimal | None = super().clean(value)
        return None if percent is None else buckets_of(percent)


class ToggleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Where to, and why. Most will only ever choose one of the first two."""

    course = forms.ChoiceField(
        label="Answered by",
        choices=(
            ("monolith", "The legacy monolith: all reads and writes"),
            ("service", "The extracted service: all reads and writes"),
            (SPLIT, "Both, shared out as said below"),
        ),
        widget=UnfoldAdminRadioSelectWidget(),
        help_text="All workers follow within a moment of saving. Requests that are under way finish where they began.",
    )
    reads = PercentField(
        label="Shoppers whose reads go to the service, in percent",
        help_text="A shopper stays where they are while this grows, and those who came last leave first when it falls.",
    )
    writes = PercentField(
        label="Customers whose writes go to the service, in percent",
        help_text="Moves traffic only: the rows themselves have to be there already.",
    )
    shadow = PercentField(
        label="Reads mirrored to the side that does not answer, in percent",
        help_text="Sent after the shopper's answer. Shoppers do not wait for it and never see it.",
    )
    fallback = forms.BooleanField(
        label="Fallback",
        help_text="While a side is down, the other answers its reads, though never its writes.",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
    )
    reason = reason_field("Why is this changed?")

    class Meta:
        model = Toggle
        fields = ("reads", "writes", "shadow", "fallback")

    class Media:
        js = ("routing/shares.js",)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.initial["course"] = Setting.of(self.instance).side or SPLIT
        self.initial["reason"] = ""
        # Whoever may only look is shown no fields.
        if self.instance.capability in WHOLE and "writes" in self.fields:
            self.fields["writes"].label = "Writes that go to the service, in percent: 0 or 100"
            self.fields["writes"].help_text = (
                "One side takes all of them, since one order may hold any mix of products. "
                "Moves traffic only: the rows themselves have to be there already."
            )

    def clean_writes(self) -> int | None:
        writes: int | None = self.cleaned_data["writes"]
        split = self.data.get("course") == SPLIT
        if split and self.instance.capability in WHOLE and writes not in {None, 0, BUCKETS}:
            raise forms.ValidationError("One side takes all writes of products: 0 or 100.")
        return writes

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        course = cleaned.get("course")
        for name in ("reads", "writes"):
            if course in {"monolith", "service"}:
                cleaned[name] = BUCKETS if course == "service" else 0
            elif course == SPLIT and cleaned.get(name) is None and name not in self.errors:
                self.add_error(name, "Say how many.")
        if cleaned.get("shadow") is None:
            cleaned["shadow"] = 0
        return cleaned


class OverrideForm(forms.Form):
    """Which side a tester wants to see, for how long, and why."""

    hours = forms.TypedChoiceField(
        label="For",
        coerce=int,
        choices=[(hours, "1 hour" if hours == 1 else f"{hours} hours") for hours in HOURS],
        initial=HOURS[0],
        widget=UnfoldAdminRadioSelectWidget(radio_style=1),
    )
    reason = reason_field("What is tested?")

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        for capability in CAPABILITIES:
            self.fields[capability] = forms.ChoiceField(
                label=f"Reads of {capability}",
                required=False,
                choices=(("", "As routed"), ("monolith", "Monolith"), ("service", "Service")),
                widget=UnfoldAdminRadioSelectWidget(radio_style=1),
            )
        self.order_fields([*CAPABILITIES, "hours", "reason"])

    @property
    def sides(self) -> dict[Capability, Side]:
        """What was chosen, of a form that is valid."""
        return {name: self.cleaned_data[name] for name in CAPABILITIES if self.cleaned_data[name]}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not any(cleaned.get(name) for name in CAPABILITIES):
            raise forms.ValidationError("Choose a side for at least one capability.")
        return cleaned
