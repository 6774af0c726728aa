"""What of an answer may be kept for people to look at: bounded, and without secrets or personal data. Pure: no I/O.

A redacted value leaves a mark of four hex digits that depends on a key: within one example, where both sides are
redacted with one key, equal values leave equal marks. The key is thrown away, so no mark can be looked up later.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from gateway.proxy.compare import BODY, HEADERS_COMPARED, Response
from gateway.proxy.document import Member, NotJson, Number, Value, parse, under

TEXT_KEPT: Final = 8 * 1024
"""Characters of a body."""
TARGET_KEPT: Final = 500
_STRING_KEPT: Final = 200

# Names are compared in lower case without `_` and `-`. Everything beneath such a member goes.
_PRIVATE: Final = re.compile(
    r"shipto|customer.*|(e)?mail.*|phone.*|.*password.*|.*secret.*|.*token.*|.*cookie.*|authorization|session.*|"
    r"street|city|postcode|address.*|apikey|card.*|iban"
)
_EMAIL: Final = re.compile(r"[^\s@\"'<>(),;:]{1,64}@[^\s@\"'<>(),;:]{1,255}")
_CREDENTIAL: Final = re.compile(
    r"(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}|eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,2}"
)


_Line = tuple[str, str | None]
"""A line, and the path of the value that begins on it; None where none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A body for people: text, and which of its lines (from 0) differ."""

    text: str
    marked: tuple[int, ...]


def private(name: str) -> bool:
    """Tell whether what goes by this name is a secret or somebody's own affair."""
    return _PRIVATE.fullmatch(name.lower().replace("_", "").replace("-", "")) is not None


def target(raw: bytes, *, key: bytes) -> str:
    """Return path and query without the values of private parameters."""
    path, mark, query = raw.decode("latin-1").partition("?")
    pairs = []
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        hidden = equals and (private(unquote_plus(name)) or _text(unquote_plus(value), key) != unquote_plus(value))
        pairs.append(f"{name}={_masked(value, key)}" if hidden else pair)
    return _cut(_storable(_text(path, key) + mark + "&".join(pairs)), TARGET_KEPT)


def headers(response: Response, *, key: bytes) -> dict[str, str]:
    """Return the headers that are compared, by name; no other header is ever kept."""
    kept: dict[str, str] = {}
    for name in HEADERS_COMPARED:
        found = [value.decode("latin-1") for known, value in response.headers if known.lower() == name]
        if found:
            kept[name.decode()] = _cut(_storable(_text(", ".join(found), key)), _STRING_KEPT)
    return kept


def excerpt(body: bytes | None, *, places: Collection[str], key: bytes) -> Excerpt:
    """Return a body as indented text of at most `TEXT_KEPT` characters, with the lines of the places marked.

    Of a JSON body that is too long, list items without a place are left out, and then whatever is at the end.
    """
    if body is None:
        return Excerpt(text="(too large to be kept)", marked=())
    try:
        value = parse(body)
    except NotJson:
        text = _cut(_storable(_text(body[: 2 * TEXT_KEPT].decode("utf-8", "replace"), key)), TEXT_KEPT)
        return Excerpt(text=text, marked=())
    lines, whole = _first(_Writer(key, frozenset()).lines(value))
    if not whole:
        lines, whole = _first(_Writer(key, _ways(places)).lines(value))
    marked = tuple(number for number, (_, path) in enumerate(lines) if (path or BODY) in places and path is not None)
    text = "\n".join(line for line, _ in lines)
    return Excerpt(text=text if whole else text + "\n…", marked=marked)


def _first(lines: Iterator[_Line]) -> tuple[list[_Line], bool]:
    """Return as many lines as are kept, and whether that is all of them."""
    kept: list[_Line] = []
    size = 2
    for line in lines:
        size += len(line[0]) + 1
        if size > TEXT_KEPT:
            return kept, False
        kept.append(line)
    return kept, True


class _Writer:
    """Writes JSON as indented lines, each with the path of the value that begins on it."""

    def __init__(self, key: bytes, wanted: frozenset[str]) -> None:
        self._key = key
        self._wanted = wanted

    def lines(self, value: Value) -> Iterator[_Line]:
        yield from self._value(value, path="", lead="", indent="", tail="", hidden=False)

    def _value(self, value: Value, *, path: str, lead: str, indent: str, tail: str, hidden: bool) -> Iterator[_Line]:
        if isinstance(value, dict) and value:
            yield f"{indent}{lead}{{", path
            last = len(value) - 1
            for index, (member, held) in enumerate(value.items()):
                yield from self._value(
                    held,
                    path=under(path, member),
                    lead=self._name(member),
                    indent=indent + "  ",
                    tail="," if index < last else "",
                    hidden=hidden or private(member.name),
                )
            yield f"{indent}}}{tail}", None
        elif isinstance(value, list) and value:
            yield f"{indent}{lead}[", path
            yield from self._items(value, path=path, indent=indent + "  ", hidden=hidden)
            yield f"{indent}]{tail}", None
        else:
            yield f"{indent}{lead}{self._scalar(value, hidden)}{tail}", path

    def _items(self, items: list[Value], *, path: str, indent: str, hidden: bool) -> Iterator[_Line]:
        left_out = 0
        for index, held in enumerate(items):
            here = f"{path}[{index}]"
            if self._wanted and index and here not in self._wanted:
                left_out += 1
                continue
            if left_out:
                yield f"{indent}… {left_out} more", None
                left_out = 0
            tail = "," if index < len(items) - 1 else ""
            yield from self._value(held, path=here, lead="", indent=indent, tail=tail, hidden=hidden)
        if left_out:
            yield f"{indent}… {left_out} more", None

    def _name(self, member: Member) -> str:
        return _storable(json.dumps(_cut(_text(member.name, self._key), _STRING_KEPT), ensure_ascii=False)) + ": "

    def _scalar(self, value: Value, hidden: bool) -> str:
        if isinstance(value, Number):
            text = value.text
        elif isinstance(value, str):
            text = json.dumps(_cut(_text(value, self._key), _STRING_KEPT), ensure_ascii=False)
        elif isinstance(value, list | dict):
            return "[]" if isinstance(value, list) else "{}"
        else:
            text = json.dumps(value)
        # That nobody is named is no secret, and often the difference.
        if hidden and value is not None:
            return _masked(str(value), self._key)
        return _storable(_cut(text, _STRING_KEPT + 2))


def _ways(places: Collection[str]) -> frozenset[str]:
    """Return every list item on the way to a place; never empty."""
    ways = {""}
    for place in places:
        ways.update(place[: found.end()] for found in re.finditer(r"\[[0-9]+\]", place))
    return frozenset(ways)


def _text(text: str, key: bytes) -> str:
    for pattern in (_CREDENTIAL, _EMAIL):
        text = pattern.sub(lambda found: _masked(found.group(), key), text)
    return text


def _masked(value: str, key: bytes) -> str:
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), key=key, digest_size=2)
    return f"‹redacted {digest.hexdigest()}›"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _storable(text: str) -> str:
    """Return the text without what PostgreSQL cannot keep: NUL and lone surrogates."""
    return text.replace("\0", "␀").encode("utf-8", "backslashreplace").decode()
