"""Statements SQLite and PostgreSQL share, though SQLAlchemy keeps them in two dialects."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from sqlalchemy import ColumnElement, Table, column
from sqlalchemy import table as named
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Insert: TypeAlias = postgresql.Insert | sqlite.Insert
_SHAPES: Final = 64
"""Of rows, whose statements are kept: making one takes as long as having it carried out."""


def insert(connection: AsyncConnection, table: Table) -> Insert:
    """An INSERT that may say what happens when the row is there already."""
    return _insert(table, postgres=_is_postgres(connection))


async def put(
    connection: AsyncConnection,
    table: Table,
    keys: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    changes: Mapping[str, ColumnElement[object]] | None = None,
) -> None:
    """Insert rows of the same columns, or take over their values where they are there.

    ``changes`` says by column what happens to a row that is there instead.
    """
    if not rows:
        return
    shape = _is_postgres(connection), table, tuple(keys), tuple(rows[0])
    statement = _upsert(*shape, changes) if changes else _plain_upsert(*shape)
    await connection.execute(statement, rows)


def _is_postgres(connection: AsyncConnection) -> bool:
    return connection.dialect.name == "postgresql"


def _insert(table: Table, *, postgres: bool) -> Insert:
    return postgresql.insert(table) if postgres else sqlite.insert(table)


def _upsert(
    postgres: bool,
    table: Table,
    keys: tuple[str, ...],
    names: tuple[str, ...],
    changes: Mapping[str, ColumnElement[object]] | None = None,
) -> Insert:
    statement = _insert(table, postgres=postgres)
    # Both dialects' own ``excluded`` copies every column of the table for each statement.
    offered = named("excluded", *map(column, names)).c
    new = {name: offered[name] for name in names if name not in keys}
    updates = new | dict(changes or {})
    if updates:
        return statement.on_conflict_do_update(index_elements=list(keys), set_=updates)
    return statement.on_conflict_do_nothing(index_elements=list(keys))


_plain_upsert: Final = lru_cache(maxsize=_SHAPES)(_upsert)
