"""JSON as it was written: nothing that a reader could notice is lost in parsing. Pure: no I/O.

A value is None, a bool, a str, a Number, a list of values, or an Object. Numbers keep their text, so `1`, `1.0` and
integers of any length stay what they are; a member that comes twice in one object is there twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

DEPTH_MOST: Final = 64
"""Deeper documents are not read: Python's own parser would run into its recursion limit."""
NAME_KEPT: Final = 60
"""Characters of a member's name in a path."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_STRING: Final = re.compile(rb'"(?:[^"\\]+|\\.)*+"', re.DOTALL)
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


class NotJson(ValueError):
    """The bytes are no JSON, or more deeply nested than is read."""


# Tuples: one is made for every number and member of a document, and a dataclass takes three times as long.
class Number(NamedTuple):
    """A number as it was written, `NaN` and `Infinity` included."""

    text: str


class Member(NamedTuple):
    """A member's name, and the how manieth of that name in its object: 1 unless it is repeated."""

    name: str
    occurrence: int = 1


Object: TypeAlias = "dict[Member, Value]"
Value: TypeAlias = "bool | str | Number | list[Value] | Object | None"


def parse(body: bytes) -> Value:
    """Return the value that the bytes write down; NotJson when they do not."""
    if body.count(b"[") + body.count(b"{") > DEPTH_MOST and not _nested(body):
        raise NotJson
    try:
        value: Value = json.loads(
            body.decode("utf-8"),
            parse_float=Number,
            parse_int=Number,
            parse_constant=Number,
            object_pairs_hook=_object,
        )
    except ValueError as error:
        raise NotJson from error
    return value


def kind_of(value: Value) -> str:
    """Return the name of the value's type, as JSON calls it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case Number():
            return "number"
        case list():
            return "array"
    return "object"


def under(path: str, member: Member) -> str:
    """Return the path of an object's member: `price.amount`, `["a b"].c`, and `sku#2` for a repeated one."""
    name = member.name
    suffix = f"#{member.occurrence}" if member.occurrence > 1 else ""
    if len(name) > NAME_KEPT or not _PLAIN.fullmatch(name):
        cut = name if len(name) <= NAME_KEPT else name[:NAME_KEPT] + "…"
        return f"{path}[{json.dumps(cut)}]{suffix}"
    return f"{path}.{name}{suffix}" if path else name + suffix


def _object(pairs: Iterable[tuple[str, Value]]) -> Object:
    members: Object = {}
    for name, value in pairs:
        member = Member(name)
        while member in members:
            member = Member(name, member.occurrence + 1)
        members[member] = value
    return members


def _nested(body: bytes) -> bool:
    """Tell whether brackets of whatever kind close each other, no deeper than is read."""
    brackets = _STRING.sub(b"", body).translate(_ALIKE, _NO_BRACKETS)
    for _ in range(DEPTH_MOST):
        # The innermost pairs, all at once: as many rounds as the document is deep.
        left = brackets.replace(b"[]", b"")
        if not left or left == brackets:
            return not left
        brackets = left
    return False
