"""From what clients send to values that can be used, or to the contract's errors about them. Pure.

    Malformed             a body that is not one JSON object in UTF-8
    Refused               one value that cannot be used; `Fields` turns it into an entry of `errors`

A *reader* takes one value and returns what it means, or raises Refused. `Fields` applies readers to members of a body
or to query parameters, in the order in which it is asked, and collects what they refuse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qsl

from services.chassis import contract
from services.chassis.problems import FieldError, validation

T = TypeVar("T")
Reader = Callable[[object], T]

_REQUIRED: Final = object()
_INTEGER: Final = re.compile(r"-?[0-9]+", re.ASCII)
_DIGITS_MAX: Final = 30
_BEYOND: Final = 10**_DIGITS_MAX
"""Stands for every larger integer: no limit of the contract is near it, and Python refuses to read very long ones."""


class Malformed(ValueError):
    """The body is not one JSON object in UTF-8."""


class Refused(Exception):
    """A value that cannot be used, by the contract's code, with the limit that its detail names."""

    def __init__(self, code: str, limit: object = None) -> None:
        super().__init__(code)
        self.code = code
        self.limit = limit


def json_object(body: bytes) -> dict[str, Any]:
    """Return the body's one JSON object; Malformed when it is anything else."""
    try:
        value = json.loads(body.decode(), parse_int=_bounded, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from None
    if not isinstance(value, dict):
        raise Malformed("not an object")
    return value


def query(raw: str) -> dict[str, str]:
    """Return a query string's parameters, the last of each name."""
    return dict(parse_qsl(raw, keep_blank_values=True))


class Fields:
    """The members of an object, or a request's query parameters, read one by one."""

    def __init__(
        self, values: Mapping[str, object], *, at: str | None = "", errors: list[FieldError] | None = None
    ) -> None:
        """Read these values. `at` is the object's JSON pointer, None for query parameters."""
        self._values = values
        self._at = at
        self.errors: list[FieldError] = [] if errors is None else errors

    @classmethod
    def of_query(cls, parameters: Mapping[str, str]) -> Fields:
        """Return the fields of a query: an empty parameter counts as absent."""
        return cls({name: value for name, value in parameters.items() if value}, at=None)

    def attempt(self, name: str, reader: Reader[T], default: object = _REQUIRED) -> T | None:
        """Return what the reader makes of the value, the default when it is absent, None when it was refused."""
        if name not in self._values:
            if default is _REQUIRED:
                self.refuse(name, Refused("required"))
                return None
            return cast("T | None", default)
        try:
            return reader(self._values[name])
        except Refused as refused:
            self.refuse(name, refused)
            return None

    def read(self, name: str, reader: Reader[T], default: object = _REQUIRED) -> T:
        """Return the same, for values that nobody looks at before `finish`: behind it there is no refused one."""
        return cast(T, self.attempt(name, reader, default))

    def refuse(self, name: str, refused: Refused) -> None:
        """Note that a field cannot be used."""
        where = name if self._at is None else f"{self._at}/{name}"
        self.errors.append(FieldError(where, refused.code, refused.limit))

    def inside(self, name: str) -> Fields | None:
        """Return the fields of a required member that is an object, None when it is not one (which is noted)."""
        members = self.attempt(name, mapping)
        return None if members is None else Fields(members, at=f"{self._at}/{name}", errors=self.errors)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def finish(self) -> None:
        """Raise the validation problem if anything was refused."""
        if self.errors:
            raise validation(self.errors)


def mapping(value: object) -> Mapping[str, object]:
    """Read an object."""
    if not isinstance(_present(value), dict):
        raise Refused("invalid")
    return cast("dict[str, object]", value)


def string(value: object) -> str:
    """Read text of any length that a database can hold."""
    if not isinstance(_present(value), str) or not contract.storable(cast(str, value)):
        raise Refused("invalid")
    return cast(str, value)


def text(*, most: int, blank: bool = False, trim: bool = False) -> Reader[str]:
    """Return a reader of text of at most so many characters. White space alone is blank."""

    def reader(value: object) -> str:
        found = string(value)
        if trim:
            found = found.strip()
        if not blank and not found.strip():
            raise Refused("blank")
        if len(found) > most:
            raise Refused("too_long", most)
        return found

    return reader


def matching(pattern: re.Pattern[str]) -> Reader[str]:
    """Return a reader of text that matches from end to end."""

    def reader(value: object) -> str:
        found = string(value)
        if not pattern.fullmatch(found):
            raise Refused("invalid")
        return found

    return reader


def one_of(words: Collection[str]) -> Reader[str]:
    """Return a reader of one of some words."""

    def reader(value: object) -> str:
        if (found := string(value)) not in words:
            raise Refused("invalid")
        return found

    return reader


def integer(*, least: int, most: int | None = None) -> Reader[int]:
    """Return a reader of a JSON integer between the limits."""

    def reader(value: object) -> int:
        # Not isinstance: true is no integer.
        if type(_present(value)) is not int:
            raise Refused("invalid")
        return _between(cast(int, value), least, most)

    return reader


def digits(*, least: int, most: int | None = None) -> Reader[int]:
    """Return a reader of an integer written out in a query parameter."""

    def reader(value: object) -> int:
        if not _INTEGER.fullmatch(string(value)):
            raise Refused("invalid")
        return _between(_bounded(cast(str, value)), least, most)

    return reader


def amount(*, least: Decimal, most: Decimal) -> Reader[Decimal]:
    """Return a reader of a decimal string of money between the limits."""

    def reader(value: object) -> Decimal:
        if not contract.AMOUNT.fullmatch(string(value)):
            raise Refused("invalid")
        return _between(Decimal(cast(str, value)), least, most)

    return reader


def nullable(reader: Reader[T]) -> Reader[T | None]:
    """Return a reader that lets null through."""

    def either(value: object) -> T | None:
        return None if value is None else reader(value)

    return either


def _present(value: object) -> object:
    if value is None:
        raise Refused("null")
    return value


N = TypeVar("N", int, Decimal)


def _between(value: N, least: N, most: N | None) -> N:
    if value < least:
        raise Refused("too_small", least)
    if most is not None and value > most:
        raise Refused("too_large", most)
    return value


def _bounded(literal: str) -> int:
    significant = literal.lstrip("-").lstrip("0") or "0"
    size = int(significant) if len(significant) <= _DIGITS_MAX else _BEYOND
    return -size if literal.startswith("-") else size


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
