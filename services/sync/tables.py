"""How a table of either side is read and written in natural terms: SQL made from a description. Pure.

Rows travel in terms of natural keys. A column that refers to another table holds that table's natural key on the way
and is looked up on arrival, so that surrogate keys never leave their database.

Rows arrive as the parameter `rows` of a statement, a JSON array as `Table.document` makes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

_FROM_JSON: Final[Mapping[str, Callable[[Any], Any]]] = {
    "timestamptz": datetime.fromisoformat,
    "numeric": Decimal,
    "uuid": UUID,
}
"""For types that JSON has no values of."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a row on its way."""

    name: str
    type: str
    """PostgreSQL's name for it."""
    column: str = ""
    """Its name in the table, when that is another."""
    refers_to: str = ""
    """The table it refers to; the row on its way holds `its` value there instead of the key."""
    its: str = ""
    own: bool = False
    """Whether it is this database's own: given to a new row, never changed, never compared."""

    @property
    def stored(self) -> str:
        return self.column or self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one side."""

    name: str
    columns: tuple[Column, ...]
    """In the order of the row type's fields."""
    key: tuple[str, ...]
    """The row's columns that people know it by. A unique constraint holds them."""
    source_only: tuple[str, ...] = ()
    """Columns that are read and never written: what a new key is made of."""
    dependents: tuple[tuple[str, str], ...] = ()
    """Tables and columns that refer to this one and exist on this side alone; they go with a row that goes."""
    needs: tuple[tuple[str, str, str], ...] = ()
    """Columns that hold another table's natural key as it is: the column, the table, and what it is called there."""

    def staged(self) -> Iterator[Column]:
        """Iterate over the columns that are written."""
        return (column for column in self.columns if column.name not in self.source_only)

    def row(self, payload: Mapping[str, Any]) -> Sequence[Any]:
        """Return the values of the row type from an outbox's payload, numbers with a point read as Decimal."""
        values = []
        for column in self.columns:
            value = payload[column.name if column.refers_to else column.stored]
            convert = None if value is None else _FROM_JSON.get(column.type)
            values.append(convert(value) if convert else value)
        return values

    def document(self, rows: Iterable[Sequence[Any]]) -> str:
        """Return the rows, tuples of this side's row type, as statements take them."""
        names = [None if column.name in self.source_only else column.name for column in self.columns]
        return json.dumps(
            [{name: value for name, value in zip(names, row, strict=True) if name} for row in rows], default=str
        )

    def upserting(self) -> Composed:
        """Return the statement that inserts those of the rows that are absent and changes those that differ."""
        columns = list(self.staged())
        values = [Identifier(_alias(c), "id") if c.refers_to else Identifier("s", c.name) for c in columns]
        changing = [Identifier(c.stored) for c in columns if not c.own and c.name not in self.key]
        statement = SQL("INSERT INTO {} AS t ({}) SELECT {} FROM {}{} ON CONFLICT ({}) DO ").format(
            Identifier(self.name),
            _list([Identifier(column.stored) for column in columns]),
            _list(values),
            self._rows(),
            self._joins(),
            _list([Identifier(column.stored) for column in columns if column.name in self.key]),
        )
        if not changing:
            return statement + SQL("NOTHING")
        assignments = [SQL("{0} = EXCLUDED.{0}").format(column) for column in changing]
        present = [SQL("t.{}").format(column) for column in changing]
        wanted = [SQL("EXCLUDED.{}").format(column) for column in changing]
        return statement + SQL("UPDATE SET {} WHERE ROW({}) IS DISTINCT FROM ROW({})").format(
            _list(assignments), _list(present), _list(wanted)
        )

    def missing(self) -> Composed | None:
        """Return the query for something that the rows refer to and that is not there: its table and what it is called.

        None for a table that refers to nothing. A reference that may be null would else be null from then on.
        """
        referring = [(column.name, column.refers_to, column.its) for column in self.staged() if column.refers_to]
        queries = [
            SQL(
                "SELECT {name}, s.{column}::text FROM {rows} WHERE s.{column} IS NOT NULL"
                " AND NOT EXISTS (SELECT FROM {named} AS n WHERE n.{its} = s.{column})"
            ).format(
                name=Literal(table),
                column=Identifier(name),
                rows=self._rows(),
                named=Identifier(table),
                its=Identifier(its),
            )
            for name, table, its in (*referring, *self.needs)
        ]
        return SQL(" UNION ALL ").join(queries) + SQL(" LIMIT 1") if queries else None

    def deleting(self) -> Iterator[Composed]:
        """Iterate over the statements that delete those of the rows that are there, dependents first."""
        key = [column for column in self.columns if column.name in self.key]
        conditions = [
            SQL("t.{} = {}").format(
                Identifier(c.stored), Identifier(_alias(c), "id") if c.refers_to else Identifier("s", c.name)
            )
            for c in key
        ]
        found = SQL("{}{}").format(self._rows(), self._joins(of=key))
        where = SQL(" AND ").join(conditions)
        for table, column in self.dependents:
            yield SQL("DELETE FROM {} AS d USING {} AS t, {} WHERE d.{} = t.id AND {}").format(
                Identifier(table), Identifier(self.name), found, Identifier(column), where
            )
        yield SQL("DELETE FROM {} AS t USING {} WHERE {}").format(Identifier(self.name), found, where)

    def _rows(self) -> Composed:
        # Names of types come from this package's own descriptions.
        columns = [SQL("{} {}").format(Identifier(column.name), SQL(column.type)) for column in self.staged()]
        return SQL("json_to_recordset({}::json) AS s({})").format(Placeholder("rows"), _list(columns))

    def _joins(self, of: Iterable[Column] | None = None) -> Composed:
        """Return the joins from arriving rows to what they refer to."""
        return Composed(
            [
                SQL(" LEFT JOIN {} AS {} ON {} = {}").format(
                    Identifier(column.refers_to),
                    Identifier(_alias(column)),
                    Identifier(_alias(column), column.its),
                    Identifier("s", column.name),
                )
                for column in (self.staged() if of is None else of)
                if column.refers_to
            ]
        )


def _alias(column: Column) -> str:
    return f"of_{column.name}"


def _list(parts: Sequence[Composable]) -> Composed:
    return SQL(", ").join(parts)
