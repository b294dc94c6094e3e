"""Statements SQLite and PostgreSQL share, though SQLAlchemy keeps them in two dialects."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnClause, ColumnElement, Table, column
from sqlalchemy import table as named
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import ReadOnlyColumnCollection

Insert: TypeAlias = postgresql.Insert | sqlite.Insert
Offered: TypeAlias = ReadOnlyColumnCollection[str, ColumnClause[Any]]
"""The values of the row that is to be written, by column."""
Changes: TypeAlias = Callable[[Offered], Mapping[str, ColumnElement[object]]]
_SHAPES: Final = 256
"""Of rows, whose statements are kept: making one takes as long as having it carried out."""


def insert(connection: AsyncConnection, table: Table) -> Insert:
    """An INSERT that may say what happens when the row is there already."""
    return _insert(table, postgres=_is_postgres(connection))


async def put(
    connection: AsyncConnection,
    table: Table,
    keys: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    changes: Changes | None = None,
) -> None:
    """Insert rows of the same columns, or take over their values where they are there.

    ``changes`` says by column what happens to a row that is there instead. It is asked once for rows of one
    shape if it is equal to the one that was asked before.
    """
    if rows:
        statement = _upsert(_is_postgres(connection), table, tuple(keys), tuple(rows[0]), changes)
        await connection.execute(statement, rows)


def _is_postgres(connection: AsyncConnection) -> bool:
    return connection.dialect.name == "postgresql"


def _insert(table: Table, *, postgres: bool) -> Insert:
    return postgresql.insert(table) if postgres else sqlite.insert(table)


@lru_cache(maxsize=_SHAPES)
def _upsert(
    postgres: bool, table: Table, keys: tuple[str, ...], names: tuple[str, ...], changes: Changes | None
) -> Insert:
    statement = _insert(table, postgres=postgres)
    # Both dialects' own ``excluded`` copies every column of the table for each statement.
    offered = named("excluded", *map(column, names)).c
    new = {name: offered[name] for name in names if name not in keys}
    updates = new if changes is None else new | dict(changes(offered))
    if updates:
        return statement.on_conflict_do_update(index_elements=list(keys), set_=updates)
    return statement.on_conflict_do_nothing(index_elements=list(keys))
