"""Statements SQLite and PostgreSQL share, though SQLAlchemy keeps them in two dialects."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that may say what happens when the row is there already."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


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
    statement = insert(connection, table)
    new = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    updates = new | dict(changes or {})
    if updates:
        statement = statement.on_conflict_do_update(index_elements=list(keys), set_=updates)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(keys))
    await connection.execute(statement, rows)
