"""Members of request bodies, read strictly: nothing is converted from another JSON type.

An error's text is only the limit that was broken; `services.chassis.drf.errors` adds the catalogue's sentence.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NoReturn

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from services.chassis import contract

_LIMITS: dict[str, str | Any] = {
    "invalid": "",
    "null": "",
    "required": "",
    "max_value": "{max_value}",
    "min_value": "{min_value}",
}


def refuse(code: str, limit: object = "") -> NoReturn:
    """Raise the error of one field."""
    raise ValidationError([ErrorDetail(str(limit), code)])


class StrictSerializer(serializers.Serializer[Any]):
    """An object of known members; others are ignored."""

    default_error_messages = _LIMITS

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            refuse("invalid")
        return super().to_internal_value(data)


class StrictInteger(serializers.IntegerField):
    """A JSON number without a fraction."""

    default_error_messages = _LIMITS

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            refuse("invalid")
        return data


class StrictText(serializers.CharField):
    """Text that the database can hold. Text of white space alone is blank; `trim` takes it off both ends."""

    default_error_messages = _LIMITS

    def __init__(self, *, limit: int, trim: bool = False, **options: Any) -> None:
        super().__init__(trim_whitespace=trim, **options)
        self.limit = limit

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # Django REST framework would ask whether the text is blank before it asks whether it is text.
        return serializers.Field.run_validation(self, data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or not contract.storable(data):
            refuse("invalid")
        if not self.allow_blank and not data.strip():
            refuse("blank")
        text = data.strip() if self.trim_whitespace else data
        if len(text) > self.limit:
            refuse("max_length", self.limit)
        return text


class Matching(serializers.CharField):
    """Text that is one of the contract's names, such as a sku."""

    default_error_messages = _LIMITS

    def __init__(self, *, pattern: re.Pattern[str], **options: Any) -> None:
        super().__init__(**options)
        self.pattern = pattern

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return serializers.Field.run_validation(self, data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or self.pattern.fullmatch(data) is None:
            refuse("invalid")
        return data


class OneOf(serializers.ChoiceField):
    """One of some words."""

    default_error_messages = _LIMITS

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            refuse("invalid")
        return data


class Amount(serializers.Field[Decimal, Any, Any, Any]):
    """A decimal string of money that something may cost."""

    default_error_messages = _LIMITS

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or contract.AMOUNT.fullmatch(data) is None:
            refuse("invalid")
        amount = Decimal(data)
        if amount < contract.PRICE_MIN:
            refuse("min_value", contract.PRICE_MIN)
        if amount > contract.PRICE_MAX:
            refuse("max_value", contract.PRICE_MAX)
        return amount


class MoneyIn(StrictSerializer):
    """An amount with its currency."""

    amount = Amount()
    currency = OneOf(choices=[contract.CURRENCY])


class Price(serializers.Field[Decimal, Any, Any, Any]):
    """Money that something costs: `{"amount", "currency"}`, both required also where the rest may be left out."""

    default_error_messages = _LIMITS

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, dict):
            refuse("invalid")
        amount: Decimal = MoneyIn().run_validation(data)["amount"]
        return amount


class LineIn(StrictSerializer):
    """So much of one product."""

    sku = Matching(pattern=contract.SKU)
    quantity = StrictInteger(min_value=1, max_value=contract.QUANTITY_MAX)


class Lines(serializers.Field[list[tuple[str, int]], Any, Any, Any]):
    """1 to 100 lines, no sku twice; read as (sku, quantity) in the client's order."""

    default_error_messages = _LIMITS

    def to_internal_value(self, data: Any) -> list[tuple[str, int]]:
        if not isinstance(data, list):
            refuse("invalid")
        if not data:
            refuse("empty")
        if len(data) > contract.LINES_MAX:
            refuse("too_many", contract.LINES_MAX)
        reader = LineIn()
        seen: set[str] = set()
        lines: list[tuple[str, int]] = []
        errors: dict[str, Any] = {}
        for index, entry in enumerate(data):
            problems: Any = {}
            try:
                line = reader.run_validation(entry)
                lines.append((line["sku"], line["quantity"]))
            except ValidationError as error:
                problems = error.detail
            sku = _legible_sku(entry, problems)
            if sku in seen:
                problems = {"sku": [ErrorDetail("", "duplicate")], **problems}
            elif sku is not None:
                seen.add(sku)
            if problems:
                errors[str(index)] = problems
        if errors:
            raise ValidationError(errors)
        return lines


def _legible_sku(entry: Any, problems: Any) -> str | None:
    """Return an entry's sku, None where there is something wrong with it."""
    if not isinstance(entry, dict) or "sku" in problems:
        return None
    sku: str = entry["sku"]
    return sku
