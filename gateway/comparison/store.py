"""Keeps comparisons in the gateway's database, and reads the rules from it.

Any number of processes add at once: every statement adds to what is there, and takes rows in one order. All database
work runs in a thread that the caller provides.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from django.db import connection, connections, transaction

from gateway.comparison.models import IgnoreRule
from gateway.proxy import redact
from gateway.proxy.compare import Comparison
from gateway.proxy.ignore import NO_RULES, BadPattern, Rule, Rules, checked
from gateway.proxy.shadow import Compared
from services.chassis import log

_logger = log.get(__name__)

Result = TypeVar("Result")

EXAMPLES_KEPT: Final = 10
"""Of each field, the newest."""
EXAMPLE_SECONDS: Final = 60
"""A field that has all its examples gets a new one no sooner than this."""
EXAMPLES_AT_ONCE: Final = 20
FIELDS_KEPT: Final = 500
"""Of each endpoint: members may be named by data, and there is no end of data."""
RULES_SECONDS: Final = 5.0

_EndpointKey = tuple[str, str, str]
_FieldKey = tuple[_EndpointKey, str, str]

_ENDPOINTS: Final = """
INSERT INTO comparison_endpoint AS t
    (capability, method, route, equal, different, failed, dropped, sampled, crowded, first_seen, last_seen)
SELECT *, now(), now() FROM unnest(
    %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[]
) AS new (capability, method, route, equal, different, failed, dropped, sampled, crowded)
ORDER BY capability, method, route
ON CONFLICT (capability, method, route) DO UPDATE SET
    equal = t.equal + excluded.equal, different = t.different + excluded.different, failed = t.failed + excluded.failed,
    dropped = t.dropped + excluded.dropped, sampled = t.sampled + excluded.sampled,
    crowded = t.crowded + excluded.crowded, last_seen = excluded.last_seen
RETURNING capability, method, route, id, (SELECT count(*) FROM comparison_field f WHERE f.endpoint_id = t.id)
"""
_KNOWN: Final = """
SELECT f.endpoint_id, f.path, f.kind
FROM comparison_field f
JOIN unnest(%s::bigint[], %s::text[], %s::text[]) AS asked (endpoint_id, path, kind) USING (endpoint_id, path, kind)
"""
_FIELDS: Final = """
INSERT INTO comparison_field AS t
    (endpoint_id, path, kind, differing, only_candidate, only_control, "both", first_seen, last_seen)
SELECT *, now(), now() FROM unnest(
    %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]
) AS new (endpoint_id, path, kind, differing, only_candidate, only_control, "both")
ORDER BY endpoint_id, path, kind
ON CONFLICT (endpoint_id, path, kind) DO UPDATE SET
    differing = t.differing + excluded.differing, only_candidate = t.only_candidate + excluded.only_candidate,
    only_control = t.only_control + excluded.only_control, "both" = t."both" + excluded."both",
    last_seen = excluded.last_seen
RETURNING endpoint_id, path, kind, id
"""
_WANTING: Final = """
SELECT f.id FROM unnest(%s::bigint[]) AS f (id)
WHERE (SELECT count(*) FROM comparison_example e WHERE e.field_id = f.id) < %s
   OR (SELECT max(e.at) FROM comparison_example e WHERE e.field_id = f.id) < now() - make_interval(secs => %s)
"""
_EXAMPLE: Final = """
INSERT INTO comparison_example
    (field_id, at, target, primary_status, candidate_status, primary_headers, candidate_headers, primary_body,
     candidate_body, primary_marked, candidate_marked)
VALUES (%s, now(), %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_TRIM: Final = """
DELETE FROM comparison_example WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY field_id ORDER BY at DESC, id DESC) AS place
        FROM comparison_example WHERE field_id = ANY(%s)
    ) AS ranked WHERE place > %s
)
"""
_IGNORED: Final = """
UPDATE comparison_ignorerule r SET ignored = r.ignored + n.times, last_ignored_at = now()
FROM (
    SELECT r.id, new.times FROM comparison_ignorerule r
    JOIN unnest(%s::bigint[], %s::bigint[]) AS new (id, times) ON new.id = r.id
    ORDER BY r.id FOR UPDATE OF r
) AS n
WHERE r.id = n.id
"""


class Run(Protocol):
    """Runs work in some thread."""

    def __call__(self, work: Callable[[], Result], /) -> Awaitable[Result]: ...


class ComparisonStore:
    """One process's way to the kept comparisons. The sink of its `Shadow`, and the source of its rules."""

    def __init__(self, *, run: Run, rules_seconds: float = RULES_SECONDS) -> None:
        self._run = run
        self._rules_seconds = rules_seconds
        self._rules = NO_RULES
        self._task: asyncio.Task[None] | None = None

    def rules(self) -> Rules:
        """Return the rules as they were read last; none until there was a first time."""
        return self._rules

    async def write(self, batch: Sequence[Compared]) -> None:
        """Keep the comparisons, all or none; a database error means none."""
        await self._run(_closing(lambda: write(batch)))

    def start(self) -> None:
        """Begin to follow the rules, in the running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name="comparison-rules")

    async def close(self) -> None:
        """Stop following. The rules stay."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _follow(self) -> None:
        while True:
            try:
                self._rules = await self._run(_closing(read_rules))
            except Exception as error:
                # Whatever it is: the rules of before are better than a task that has ended.
                _logger.warning("comparison_rules_not_read", error=type(error).__name__)
            await asyncio.sleep(self._rules_seconds)


def read_rules() -> Rules:
    """Return the active rules. One that SQL has made and that means nothing is left out."""
    rules = []
    for row in IgnoreRule.objects.filter(active=True).order_by("id"):
        try:
            pattern = checked(row.pattern)
        except BadPattern:
            _logger.warning("comparison_rule_unusable", rule=row.pk)
            continue
        rules.append(Rule(id=row.pk, capability=row.capability or None, pattern=pattern))  # type: ignore[arg-type]
    return Rules(rules)


@dataclass(slots=True)
class _FieldCounts:
    differing: int = 0
    only_candidate: int = 0
    only_control: int = 0
    both: int = 0
    example: Compared | None = None


@dataclass(slots=True)
class _Tally:
    """What a batch comes to."""

    endpoints: dict[_EndpointKey, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    fields: dict[_FieldKey, _FieldCounts] = field(default_factory=lambda: defaultdict(_FieldCounts))
    ignored: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, batch: Iterable[Compared]) -> _Tally:
        tally = cls()
        for compared in batch:
            tally._add(compared)
        return tally

    def _add(self, compared: Compared) -> None:
        endpoint = (compared.capability, compared.method, compared.route)
        counts = self.endpoints[endpoint]
        counts[compared.result] += compared.times
        comparison, control = compared.comparison, compared.control
        if comparison is None:
            return
        counts["crowded"] += comparison.more > 0
        counts["sampled"] += control is not None
        self.ignored.update(comparison.ignored)
        by_candidate, by_control = _ways(comparison), _ways(control)
        for path, kind in by_candidate | by_control:
            found = self.fields[endpoint, path, kind]
            differs = (path, kind) in by_candidate
            found.differing += differs
            if differs and compared.answers is not None:
                found.example = compared
            if control is not None:
                noisy = (path, kind) in by_control
                found.both += differs and noisy
                found.only_candidate += differs and not noisy
                found.only_control += noisy and not differs


def _ways(comparison: Comparison | None) -> set[tuple[str, str]]:
    return {(found.path, found.kind) for found in comparison.differences} if comparison else set()


def write(batch: Sequence[Compared]) -> None:
    """Add a batch to what is kept, in one transaction."""
    tally = _Tally.of(batch)
    with transaction.atomic(), connection.cursor() as cursor:
        endpoints = _write_endpoints(cursor, tally)
        fields = _write_fields(cursor, tally, endpoints)
        _write_examples(cursor, {identity: tally.fields[key].example for key, identity in fields.items()})
        if tally.ignored:
            cursor.execute(_IGNORED, [list(tally.ignored.keys()), list(tally.ignored.values())])


def _write_endpoints(cursor: Any, tally: _Tally) -> dict[_EndpointKey, tuple[int, int]]:
    """Return the id of each endpoint, and how many fields it has already."""
    keys = list(tally.endpoints)
    counts = [
        [tally.endpoints[key][name] for key in keys]
        for name in ("equal", "different", "failed", "dropped", "sampled", "crowded")
    ]
    cursor.execute(_ENDPOINTS, [*(list(column) for column in zip(*keys, strict=True)), *counts])
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in cursor.fetchall()}


def _write_fields(cursor: Any, tally: _Tally, endpoints: dict[_EndpointKey, tuple[int, int]]) -> dict[_FieldKey, int]:
    """Return the id of each field that is kept."""
    if not tally.fields:
        return {}
    keys = {(endpoints[endpoint][0], path, kind): (endpoint, path, kind) for endpoint, path, kind in tally.fields}
    cursor.execute(_KNOWN, _columns(keys))
    known = set(cursor.fetchall())
    room = {identity: FIELDS_KEPT - held for identity, held in endpoints.values()}
    kept = []
    for key in sorted(keys):
        if key not in known:
            if room[key[0]] <= 0:
                continue
            room[key[0]] -= 1
        kept.append(key)
    if not kept:
        return {}
    counts = [tally.fields[keys[key]] for key in kept]
    numbers = [
        [getattr(count, name) for count in counts] for name in ("differing", "only_candidate", "only_control", "both")
    ]
    cursor.execute(_FIELDS, [*_columns(kept), *numbers])
    return {keys[row[0], row[1], row[2]]: row[3] for row in cursor.fetchall()}


def _columns(keys: Iterable[tuple[int, str, str]]) -> list[list[Any]]:
    return [list(column) for column in zip(*keys, strict=True)]


def _write_examples(cursor: Any, offered: dict[int, Compared | None]) -> None:
    found = {identity: compared for identity, compared in offered.items() if compared is not None}
    if not found:
        return
    cursor.execute(_WANTING, [list(found), EXAMPLES_KEPT, EXAMPLE_SECONDS])
    wanting = [row[0] for row in cursor.fetchall()][:EXAMPLES_AT_ONCE]
    # Many fields of one batch may have the same pair of answers for an example.
    written: dict[int, list[Any]] = {}
    for identity in wanting:
        compared = found[identity]
        columns = written.setdefault(id(compared), []) or _example(compared)
        written[id(compared)] = columns
        cursor.execute(_EXAMPLE, [identity, *columns])
    if wanting:
        cursor.execute(_TRIM, [wanting, EXAMPLES_KEPT])


def _example(compared: Compared) -> list[Any]:
    """Return an example's columns from `target` on; none where the answers were not kept."""
    comparison, answers = compared.comparison, compared.answers
    if comparison is None or answers is None:
        return []
    # One key for both sides, so that equal values leave equal marks; and for nothing else, ever.
    key = secrets.token_bytes(16)
    places = [place for found in comparison.differences for place in found.places]
    sides = (answers.primary, answers.candidate)
    marked = ({here for here, _ in places if here}, {there for _, there in places if there})
    excerpts = [redact.excerpt(side.body, places=at, key=key) for side, at in zip(sides, marked, strict=True)]
    return [
        redact.target(answers.target, key=key),
        *(side.status for side in sides),
        *(json.dumps(redact.headers(side, key=key)) for side in sides),
        *(excerpt.text for excerpt in excerpts),
        *(json.dumps(excerpt.marked) for excerpt in excerpts),
    ]


def _closing(work: Callable[[], Result]) -> Callable[[], Result]:
    def closing() -> Result:
        try:
            return work()
        finally:
            connections.close_all()

    return closing
