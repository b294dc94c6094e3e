"""``vatel-gateway keys``: make, list and take back API keys, straight on the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

import typer
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gateway.cli import api_view
from gateway.cli.api_options import Json
from gateway.store import address, keys
from gateway.store.database import Database
from gateway.store.identifiers import KeyId
from gateway.store.keys import ApiKey
from gateway.web.api import statements
from gateway.web.api.scopes import Scope

app = typer.Typer(help="Make, list and take back API keys.", no_args_is_help=True)

LONGEST_DAYS: Final = 3650
_COLUMNS: Final = ("name", "scopes", "state", "made", "ends", "last used")
_ID_WIDTH: Final = 30  # whole on the narrowest terminal: it is what `revoke` takes
_PAGE: Final = 200
_MOST: Final = 10_000


class _Where(BaseSettings):
    """The one setting these commands need: they work before the gateway is set up."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr = SecretStr(address.DEFAULT)


@app.command()
def create(
    name: str = typer.Argument(help="What people call it."),
    scopes: list[Scope] = typer.Option([Scope.ADMIN], "--scope", help="What it may do; may be repeated."),
    days: int | None = typer.Option(
        None, "--expires-in-days", min=1, max=LONGEST_DAYS, help="When it ends by itself; never by default."
    ),
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    name = name.strip()
    if not 0 < len(name) <= keys.LONGEST_NAME or not name.isprintable():
        raise typer.BadParameter(f"a name has 1 to {keys.LONGEST_NAME} characters, in one line")
    now = datetime.now(UTC)
    key, text = asyncio.run(_create(name, scopes, now, now + timedelta(days=days) if days else None))
    # The key alone goes to standard output, so that it can be piped to where it is kept.
    typer.echo(f"{key.id}: {', '.join(key.scopes)}. Keep the key now, it can't be read again:", err=True)
    shown = text.get_secret_value()
    api_view.done(shown, {"key": shown} | asdict(key), as_json=as_json)


@app.command("list")
def list_keys(as_json: Json = False) -> None:
    """List all keys, the newest first, those that are over too."""
    found = asyncio.run(_list())
    if as_json:
        api_view.as_json(found)
        return
    now = datetime.now(UTC)
    table = Table(Column("id", no_wrap=True, min_width=_ID_WIDTH), *_COLUMNS, box=None)
    for key in found:
        times = (key.created_at, key.expires_at, key.last_used_at)
        made, ends, used = (f"{time:%Y-%m-%d %H:%M}" if time else "never" for time in times)
        state = "good" if key.good(now) else "taken back" if key.revoked_at else "over"
        table.add_row(key.id, escape(key.name), " ".join(key.scopes), state, made, ends, used)
    console = Console()
    console.print(table if found else "There are no keys.", soft_wrap=not console.is_terminal)


@app.command()
def revoke(key_id: str = typer.Argument(help="The key's id: key_..."), as_json: Json = False) -> None:
    """Take a key back, at once and for good."""
    if not asyncio.run(_revoke(KeyId(key_id))):
        typer.echo("vatel-gateway: there is no such key, or it was taken back before", err=True)
        raise typer.Exit(1)
    api_view.done(f"{key_id} is taken back.", {"id": key_id, "revoked": True}, as_json=as_json)


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    async with Database.open(_Where().database_url.get_secret_value()) as database:
        yield database


async def _create(
    name: str, scopes: list[Scope], now: datetime, expires_at: datetime | None
) -> tuple[ApiKey, SecretStr]:
    wanted = sorted(set(scopes))
    async with _database() as database, database.write() as connection:
        return await keys.create(connection, name, wanted, now, expires_at)


async def _list() -> list[ApiKey]:
    found: list[ApiKey] = []
    cursor: str | None = None
    async with _database() as database, database.read() as connection:
        while len(found) < _MOST:
            page, cursor = await statements.keys_page(connection, _PAGE, cursor)
            found += page
            if cursor is None:
                break
    return found


async def _revoke(key: KeyId) -> bool:
    async with _database() as database, database.write() as connection:
        return await keys.revoke(connection, key, datetime.now(UTC))
