"""What the rows of one side are at the other, made by the database that holds them: a SELECT. Pure.

The expressions stand beside the functions that do the same to one row, `End.mapped_sql` beside `End.mapped`.
"""

from __future__ import annotations

from typing import Final

from psycopg.sql import SQL, Composable, Composed, Identifier

from services.sync.mapping.capabilities import Pair, Side, other
from services.sync.tables import Table

ALL: Final = SQL("true")
KEY: Final = "ownership_key"
"""What `selecting` calls a row's key in the words of its origin, as in its outbox."""


def selecting(pair: Pair, origin: Side, *, where: Composable = ALL, keyed: bool = False) -> Composed:
    """Return the query for the origin's rows as the other side's columns: those that it writes, in that order.

    The condition sees the origin's table as `t` and what a column of it refers to as `of_<column>`. With `keyed` the
    row's key follows as `KEY`.
    """
    start, end = pair.end(origin), pair.end(other(origin))
    columns = [
        SQL("CAST({} AS {}) AS {}").format(
            SQL(start.mapped_sql[column.name]), SQL(column.type), Identifier(column.name)
        )
        for column in end.table.staged()
    ]
    if keyed:
        columns.append(SQL("{} AS {}").format(_key(start.table), Identifier(KEY)))
    return SQL("SELECT {} FROM ({} WHERE {}) AS r").format(SQL(", ").join(columns), reading(start.table), where)


def _key(table: Table) -> Composed:
    return SQL("jsonb_build_array({})::text").format(SQL(", ").join(Identifier("r", name) for name in table.key))


def reading(table: Table) -> Composed:
    """Return the query for the table's rows in natural terms. What several columns refer to is joined once."""
    columns, joins = [], {}
    for column in table.columns:
        alias = f"of_{column.stored}" if column.refers_to else "t"
        value = Identifier(alias, column.its if column.refers_to else column.stored)
        columns.append(SQL("{} AS {}").format(value, Identifier(column.name)))
        if column.refers_to:
            joins[alias] = SQL(" LEFT JOIN {} AS {} ON {} = {}").format(
                Identifier(column.refers_to),
                Identifier(alias),
                Identifier(alias, "id"),
                Identifier("t", column.stored),
            )
    return SQL("SELECT {} FROM {} AS t{}").format(
        SQL(", ").join(columns), Identifier(table.name), Composed(list(joins.values()))
    )
