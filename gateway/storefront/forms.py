"""What shoppers type at the checkout."""

from __future__ import annotations

from typing import Final

from django import forms

from gateway.storefront.shapes import Address
from services.chassis import contract

_FIELDS: Final = {
    "name": ("Full name", "name"),
    "street": ("Street and number", "street-address"),
    "city": ("Town or city", "address-level2"),
    "postcode": ("Postcode", "postal-code"),
    "country": ("Country", "country-name"),
}


class DeliveryForm(forms.Form):
    """Where to send an order: the fields and limits of the contract's `ship_to`."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for field, limit in contract.SHIP_TO_MAX.items():
            label, autocomplete = _FIELDS[field]
            self.fields[field] = forms.CharField(
                label=label,
                max_length=limit,
                widget=forms.TextInput(attrs={"autocomplete": autocomplete}),
                error_messages={
                    "required": f"Please give the {label.lower()}.",
                    "max_length": f"At most {limit} characters, please.",
                },
            )

    def address(self) -> Address:
        """Return what was typed, once it is valid."""
        return Address.read(self.cleaned_data)
