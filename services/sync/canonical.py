"""One spelling of a row for both sides, made by the database that holds it, and its hash. Pure: SQL only.

Spelt are the service's columns, the monolith's rows as the mapping makes them. Left out is what a database knows for
itself alone: primary keys, and how often a placement was begun. What one side cannot say is compared as far as both
can: the monolith knows that a product was deleted and not when.

Rows are hashed as records whose fields have the same types at both sides: a third of the time that a text takes, and
there is no separator, scale, time zone or NULL to be spelt.

Nothing here takes parameters: expressions of the mapping hold per cent signs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from services.sync.mapping.capabilities import Capability, Pair, Side
from services.sync.mapping.sql import KEY, reading, selecting

SERVICE_KEY: Final = "service_key"
"""A row's key as the service's outbox spells it; by this the two sides' rows are matched."""
MONOLITH_KEY: Final = "monolith_key"

_PART_ROWS: Final = 1024
_PARTS_MIN: Final = 16
_PARTS_MAX: Final = 2048
"""More of them no longer fit the processor's nearest memory while they are added up."""


@dataclass(frozen=True, slots=True)
class Field:
    """What both sides can say of a row."""

    name: str
    type: str
    expression: str = ""
    """Over the service's columns, when it is not one of them."""


_AS_FAR_AS_BOTH_CAN_SAY: Final = {
    ("products_product", "deleted_at"): Field("deleted", "boolean", "deleted_at IS NOT NULL"),
}
_ADDED_UP: Final[dict[str, tuple[str, Sequence[str]]]] = {
    "order": ("status", ("total",)),
    "product": ("CASE WHEN deleted THEN 'deleted' ELSE 'sold' END", ("stock", "price")),
}
"""By aggregate: what its rows are counted by, and which of their fields are summed."""


def fields(pair: Pair) -> list[Field]:
    """Return what is compared of a row."""
    table = pair.service.table
    return [
        _AS_FAR_AS_BOTH_CAN_SAY.get((table.name, column.name), Field(column.name, column.type))
        for column in table.staged()
        if not column.own
    ]


def added_up(pair: Pair) -> Sequence[str]:
    """Return the fields that `adding_up` sums; none for a table whose rows it does not add up."""
    return _ADDED_UP[pair.aggregate][1] if pair.aggregate in _ADDED_UP else ()


def parts(rows: int) -> int:
    """Return into how many parts about so many rows are divided: a power of two."""
    wanted = min(max(rows // _PART_ROWS, _PARTS_MIN), _PARTS_MAX)
    return 1 << (wanted - 1).bit_length()


def spelt(pair: Pair, side: Side) -> Composed:
    """Return the query for a side's rows: what is compared, and how each side spells their keys."""
    if side == "monolith":
        rows, monolith_key = selecting(pair, side, keyed=True), SQL("{}").format(Identifier(KEY))
    else:
        rows, monolith_key = reading(pair.service.table), _monolith_key(pair)
    columns = [
        SQL("CAST({} AS {}) AS {}").format(
            SQL(field.expression) if field.expression else Identifier(field.name),
            SQL(field.type),
            Identifier(field.name),
        )
        for field in fields(pair)
    ]
    return SQL("SELECT {}, jsonb_build_array({})::text AS {}, {} AS {} FROM ({}) AS q").format(
        _list(columns),
        _list([Identifier(name) for name in pair.service.table.key]),
        Identifier(SERVICE_KEY),
        monolith_key,
        Identifier(MONOLITH_KEY),
        rows,
    )


def digesting(pair: Pair, side: Side, *, parts: int) -> Composed:
    """Return the query for each part's number of rows, and the XOR and the sum of their hashes.

    Two rows that are there twice, or differ in the same way, are not seen by the XOR alone.
    """
    # OFFSET keeps the hash from being made once for each aggregate.
    return SQL(
        "SELECT part, count(*), bit_xor(hash), sum(hash)"
        " FROM (SELECT {} AS part, {} AS hash FROM ({}) AS r OFFSET 0) AS d GROUP BY part"
    ).format(_part(pair, parts), _hash(pair), spelt(pair, side))


def listing(pair: Pair, side: Side, *, parts: int, chosen: Sequence[int]) -> Composed:
    """Return the query for the keys, in the service's words, and hashes of the rows of some parts."""
    return SQL("SELECT r.{}, {} FROM ({}) AS r WHERE {} = ANY({}::bigint[])").format(
        Identifier(SERVICE_KEY), _hash(pair), spelt(pair, side), _part(pair, parts), Literal(list(chosen))
    )


def looking_up(pair: Pair, side: Side, *, capability: Capability, keys: Sequence[str]) -> Composed:
    """Return the query for some rows by their keys in the service's words.

    Of each: its key in the service's words and in the monolith's, its hash, its fields as JSON, its bucket.
    """
    names = [field.name for field in fields(pair)]
    key = [field for field in fields(pair) if field.name in pair.service.table.key]
    values = _list([SQL("{}, {}").format(Literal(name), Identifier("r", name)) for name in names])
    asked = [dict(zip(pair.service.table.key, json.loads(text), strict=True)) for text in keys]
    return SQL(
        "SELECT r.{service_key}, r.{monolith_key}, {hash}, jsonb_build_object({values})::text, {bucket}"
        " FROM json_to_recordset({asked}::json) AS k({columns}) JOIN ({rows}) AS r ON {same}"
    ).format(
        service_key=Identifier(SERVICE_KEY),
        monolith_key=Identifier(MONOLITH_KEY),
        hash=_hash(pair),
        values=values,
        bucket=_bucket(pair, side, capability),
        asked=Literal(json.dumps(asked)),
        columns=_list([SQL("{} {}").format(Identifier(field.name), SQL(field.type)) for field in key]),
        rows=spelt(pair, side),
        same=SQL(" AND ").join(SQL("r.{0} = k.{0}").format(Identifier(field.name)) for field in key),
    )


def adding_up(pair: Pair, side: Side) -> Composed:
    """Return the query for what a side's rows come to: what they are counted by, their number, the sums."""
    by, summed = _ADDED_UP[pair.aggregate]
    sums = [SQL("coalesce(sum({}), 0)::numeric").format(Identifier("r", name)) for name in summed]
    return SQL("SELECT coalesce({}, '?'), count(*), {} FROM ({}) AS r GROUP BY 1").format(
        SQL(by), _list(sums), spelt(pair, side)
    )


def columns_apart(pair: Pair, here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """Return the fields in which two rows, read from JSON with Decimal, are not the same."""
    return [field.name for field in fields(pair) if here[field.name] != there[field.name]]


def _monolith_key(pair: Pair) -> Composed:
    table = pair.monolith.table
    types = {column.name: column.type for column in table.columns}
    words = [SQL("CAST({} AS {})").format(SQL(pair.service.mapped_sql[n]), SQL(types[n])) for n in table.key]
    return SQL("jsonb_build_array({})::text").format(_list(words))


def _part(pair: Pair, parts: int) -> Composed:
    """This will be the part that a row is in: with all that belongs to the same order, or the same customer."""
    return SQL("(hashtextextended({}, 0) & {})").format(Identifier("r", pair.service.table.key[0]), Literal(parts - 1))


def _hash(pair: Pair) -> Composed:
    return SQL("hash_record_extended(ROW({}), 0)").format(
        _list([Identifier("r", field.name) for field in fields(pair)])
    )


def _bucket(pair: Pair, side: Side, capability: Capability) -> Composed:
    if not capability.customer:
        return SQL("{}").format(Literal(0))
    name = capability.customer["service"]
    customer: Composable = Identifier("r", name)
    if name not in {field.name for field in fields(pair)}:
        key = Identifier(pair.service.table.key[0])
        customer = SQL("(SELECT o.{} FROM ({}) AS o WHERE o.{} = r.{})").format(
            Identifier(name), spelt(capability.subject, side), key, key
        )
    return SQL("ownership_bucket_of({}, {})").format(Literal(capability.name), customer)


def _list(parts: Sequence[Composable]) -> Composed:
    return SQL(", ").join(parts)
