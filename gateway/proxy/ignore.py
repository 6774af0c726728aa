"""Which differences are none: rules that ignore a field, as one immutable value. Pure: no I/O.

A pattern is a path as `compare` names it, in which `*` stands for any part of one member's name: `results[*].stock`,
`*_at`, `:header link`. It covers everything beneath the field as well: `history` ignores `history[*].at`.

BadPattern            a pattern that means nothing, or too much
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.routing.table import Capability

PATTERN_MOST: Final = 200
"""Characters."""

_SEGMENT = r"[A-Za-z0-9_*-]+(?:#[0-9]+)?"
_QUOTED = r'\["(?:[^"\\]|\\.)*"\](?:#[0-9]+)?'
_FIELD: Final = re.compile(
    rf"(?:{_SEGMENT}|{_QUOTED}|\[\*\])(?:\.{_SEGMENT}|{_QUOTED}|\[\*\])*|:status|:body|:header [a-z*-]+"
)
_TOKEN: Final = re.compile(rf"{_QUOTED}|\[\*\]|\*|[^*\[]+")


class BadPattern(ValueError):
    """The pattern means nothing, or too much; the message says which, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A field that is not to be compared. `capability` None stands for all."""

    id: int
    capability: Capability | None
    pattern: str


class Rules:
    """A set of rules. Does not change once made."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = tuple((rule.id, rule.capability, _compiled(rule.pattern)) for rule in rules)

    def ignoring(self, path: str, *, capability: Capability) -> int | None:
        """Return the first rule that ignores the path; None when none does."""
        for identity, only, pattern in self._rules:
            if only in (None, capability) and pattern.fullmatch(path):
                return identity
        return None


def checked(pattern: str) -> str:
    """Return the pattern; BadPattern when it is none."""
    if len(pattern) > PATTERN_MOST:
        raise BadPattern(f"At most {PATTERN_MOST} characters.")
    if not _FIELD.fullmatch(pattern):
        raise BadPattern("Not a path such as results[*].price.amount, *_at, :status or :header link.")
    if not set(pattern) - set("*[]."):
        raise BadPattern("This would ignore every field there is.")
    return pattern


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = [
        r"[^.\[\]:#\s]*" if token == "*" else re.escape(token)  # noqa: S105
        for token in _TOKEN.findall(pattern)
    ]
    return re.compile("".join(parts) + r"(?:[.\[#].*)?", re.DOTALL)


NO_RULES: Final = Rules()
