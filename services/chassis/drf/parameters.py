"""Query parameters of lists, read by django-filter and answered by the contract's rules."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar, Final, Self

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict
from django_filters import Filter, FilterSet

from services.chassis import contract
from services.chassis.drf.errors import field_error
from services.chassis.problems import validation

_INTEGER: Final = re.compile(r"-?\d+", re.ASCII)
_DIGITS: Final = 30
"""Integers with more digits than this are as good as this long: every limit lies far below."""


class TextParameter(forms.Field):
    """Text that the database can hold."""

    def __init__(self, *, limit: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.limit = limit

    def to_python(self, value: Any) -> str | None:
        if not value:
            return None
        text = str(value)
        if not contract.storable(text):
            raise ValidationError("", "invalid")
        if self.limit is not None and len(text) > self.limit:
            raise ValidationError(str(self.limit), "max_length")
        return text


class WordParameter(forms.Field):
    """One of some words."""

    def __init__(self, *, words: tuple[str, ...], **options: Any) -> None:
        super().__init__(**options)
        self.words = words

    def to_python(self, value: Any) -> str | None:
        if value and value not in self.words:
            raise ValidationError("", "invalid")
        return value or None


class AmountParameter(forms.Field):
    """An amount of money without its currency, from zero to the dearest price."""

    def to_python(self, value: Any) -> Decimal | None:
        if not value:
            return None
        if contract.AMOUNT.fullmatch(value) is None:
            raise ValidationError("", "invalid")
        amount = Decimal(value)
        if amount > contract.PRICE_MAX:
            raise ValidationError(str(contract.PRICE_MAX), "max_value")
        return amount


class IntegerParameter(forms.Field):
    """A decimal integer of ASCII digits between two limits."""

    def __init__(self, *, least: int, most: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.least = least
        self.most = most

    def to_python(self, value: Any) -> int | None:
        if not value:
            return None
        if _INTEGER.fullmatch(value) is None:
            raise ValidationError("", "invalid")
        sign, digits = ("-", value[1:]) if value[0] == "-" else ("", value)
        digits = digits.lstrip("0")
        number = int(f"{sign}{digits if len(digits) <= _DIGITS else '9' * _DIGITS}" if digits else "0")
        if number < self.least:
            raise ValidationError(str(self.least), "min_value")
        if self.most is not None and number > self.most:
            raise ValidationError(str(self.most), "max_value")
        return number


class NamesParameter(forms.Field):
    """Names that match a pattern, comma separated; pieces that do not match name nothing."""

    def __init__(self, *, pattern: re.Pattern[str], limit: int, **options: Any) -> None:
        super().__init__(**options)
        self.pattern = pattern
        self.limit = limit

    def to_python(self, value: Any) -> list[str] | None:
        if not value:
            return None
        pieces = value.split(",")
        if len(pieces) > self.limit:
            raise ValidationError(str(self.limit), "too_many")
        return [piece for piece in pieces if self.pattern.fullmatch(piece)]


class PageFilter(Filter):  # type: ignore[misc]
    """A parameter that chooses a page and leaves the rows alone."""

    field_class = IntegerParameter

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return qs


class ListParameters(FilterSet):  # type: ignore[misc]
    """A list's parameters, declared in the contract's order. `read` raises `validation` in that order.

    A list declares `page = page_filter()` and `page_size = page_size_filter()` last.
    """

    _form_classes: ClassVar[dict[type[ListParameters], type[forms.Form]]] = {}

    @classmethod
    def read(cls, query: QueryDict, rows: QuerySet[Any]) -> Self:
        """Return the parameters of a request over some rows; `validation` where they cannot be used."""
        found = cls(query, rows)
        errors = found.form.errors.as_data()
        if errors:
            raise validation(
                [
                    field_error(name, code=errors[name][0].code or "invalid", limit=errors[name][0].message)
                    for name in found.form.fields
                    if name in errors
                ]
            )
        return found

    def get_form_class(self) -> type[forms.Form]:
        # The fields are the same for every request, and making a class costs more than the page's query.
        known = self._form_classes.get(type(self))
        if known is None:
            known = self._form_classes.setdefault(type(self), super().get_form_class())
        return known

    @property
    def values(self) -> dict[str, Any]:
        """The parameters' values; None for those that are absent."""
        found: dict[str, Any] = self.form.cleaned_data
        return found

    @property
    def page(self) -> int:
        return self.values["page"] or 1

    @property
    def page_size(self) -> int:
        return self.values["page_size"] or contract.PAGE_SIZE


def page_filter() -> PageFilter:
    """Return the parameter that chooses a page."""
    return PageFilter(least=1)


def page_size_filter() -> PageFilter:
    """Return the parameter that says how long a page is."""
    return PageFilter(least=1, most=contract.PAGE_SIZE_MAX)
