"""How a table of either side is read, staged and made equal to what was staged: SQL made from a description. Pure.

Rows travel in terms of natural keys. A column that refers to another table holds that table's natural key on the way
and is looked up on arrival, so that surrogate keys never leave their database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg.sql import SQL, Composed, Identifier


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

    @property
    def staging(self) -> Identifier:
        return Identifier(f"staged_{self.name}")

    def staged(self) -> Iterator[Column]:
        """Iterate over the columns that are written."""
        return (column for column in self.columns if column.name not in self.source_only)

    def reading(self) -> Composed:
        """Return the query for all rows, in natural terms."""
        columns = [
            Identifier(_alias(column), column.its) if column.refers_to else Identifier("t", column.stored)
            for column in self.columns
        ]
        return SQL("SELECT {} FROM {} AS t{}").format(_list(columns), Identifier(self.name), self._joins("t"))

    def creating_staging(self) -> Composed:
        """Return the statement that makes the place where rows arrive."""
        columns = [SQL("{} {}").format(Identifier(column.name), _type(column.type)) for column in self.staged()]
        return SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(self.staging, _list(columns))

    def filling_staging(self) -> Composed:
        """Return the COPY by which rows arrive."""
        names = [Identifier(column.name) for column in self.staged()]
        return SQL("COPY {} ({}) FROM STDIN").format(self.staging, _list(names))

    def removing(self) -> Composed:
        """Return the statement that removes every row that was not staged."""
        return SQL("DELETE FROM {} AS t WHERE NOT EXISTS ({})").format(Identifier(self.name), self._counterpart())

    def removing_dependents(self) -> Iterator[Composed]:
        """Iterate over the statements that have to come before."""
        for table, column in self.dependents:
            yield SQL(
                "DELETE FROM {dependent} AS d USING {table} AS t WHERE d.{column} = t.id AND NOT EXISTS ({counterpart})"
            ).format(
                dependent=Identifier(table),
                table=Identifier(self.name),
                column=Identifier(column),
                counterpart=self._counterpart(),
            )

    def upserting(self) -> Composed:
        """Return the statement that inserts what is absent and changes what differs."""
        columns = list(self.staged())
        values = [Identifier(_alias(c), "id") if c.refers_to else Identifier("s", c.name) for c in columns]
        changing = [Identifier(c.stored) for c in columns if not c.own and c.name not in self.key]
        statement = SQL("INSERT INTO {} AS t ({}) SELECT {} FROM {} AS s{} ON CONFLICT ({}) DO ").format(
            Identifier(self.name),
            _list([Identifier(column.stored) for column in columns]),
            _list(values),
            self.staging,
            self._joins("s"),
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

    def _joins(self, alias: str) -> Composed:
        """Return the joins to what is referred to, from the table itself (`t`) or from the staged rows (`s`)."""
        joins = []
        for column in self.columns if alias == "t" else self.staged():
            if column.refers_to:
                here = Identifier("t", column.stored) if alias == "t" else Identifier("s", column.name)
                there = Identifier(_alias(column), "id" if alias == "t" else column.its)
                joins.append(
                    SQL(" LEFT JOIN {} AS {} ON {} = {}").format(
                        Identifier(column.refers_to), Identifier(_alias(column)), there, here
                    )
                )
        return Composed(joins)

    def _counterpart(self) -> Composed:
        """Return the query for the staged row that is `t`'s."""
        conditions = []
        for column in self.columns:
            if column.name not in self.key:
                continue
            staged = Identifier("s", column.name)
            if column.refers_to:
                its = SQL("(SELECT p.{} FROM {} AS p WHERE p.id = t.{})").format(
                    Identifier(column.its), Identifier(column.refers_to), Identifier(column.stored)
                )
            else:
                its = Composed([Identifier("t", column.stored)])
            conditions.append(SQL("{} = {}").format(staged, its))
        return SQL("SELECT FROM {} AS s WHERE {}").format(self.staging, SQL(" AND ").join(conditions))


def _alias(column: Column) -> str:
    return f"of_{column.name}"


def _type(name: str) -> SQL:
    # Names of types come from this package's own descriptions.
    return SQL(name)


def _list(parts: list[Identifier] | list[Composed]) -> Composed:
    return SQL(", ").join(parts)
