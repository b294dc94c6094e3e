"""The reference page of the tables, made from the tables."""

from typing import Any, Final

from sqlalchemy import Column, Table

from gateway.store.models import metadata

_HEAD: Final = """<!-- Made by gateway/store/describe.py from the tables: change them, then run it. -->

# Store

What the gateway keeps, in the database of `DATABASE_URL`: a file of SQLite, or
[PostgreSQL](../how-to/use-postgresql.md). The tables are made and brought up to date when the gateway
starts; a gateway that is older than the tables refuses to start. Read them as you like, but write to them
through the gateway only.

Times are UTC: `timestamp with time zone` in PostgreSQL, text in SQLite. Columns that end in `_ms` are
milliseconds. JSON is `jsonb` in PostgreSQL. Texts are cut at 16,384 characters, and a JSON document at 8
levels and 200 members a level.

## How records get here

While a call lives, nothing in it waits for the database. Its records go to a journal in memory, and from
there into the tables within milliseconds, in order; what was put into the journal at once is committed at
once, so that a call's end and the webhooks that tell it stand or fall together. What has waited for 0.8 s,
because the database is away or slow, is moved to a file: one of JSON lines for each process, at most 1 GiB.
It is written to the tables as soon as they can be had, after a restart too, by whichever process finds it.
Every entry has a number, and `journal_streams` is written in the same transaction: no entry counts twice.

Entries in memory for less than that are lost when the process is killed. Beyond 20,000 entries or 64 MiB in
memory, with no room on disk, new ones are lost and counted.
"""


def page() -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *(_table(table) for table in metadata.tables.values())])


def _table(table: Table) -> str:
    rows = "\n".join(_column(column) for column in table.columns)
    return f"## {table.name}\n\n{table.info['doc']}\n\n| column | type | |\n|---|---|---|\n{rows}\n"


def _column(column: Column[Any]) -> str:
    kind = {"VARCHAR": "text", "TEXT": "text", "DATETIME": "time", "JSON": "JSON"}.get(
        str(column.type).partition("(")[0], str(column.type).partition("(")[0].lower()
    )
    never = "" if column.nullable else ", never null"
    key = ", key" if column.primary_key else never
    return f"| `{column.name}` | {kind}{key} | {column.doc} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - it is what this is run for
