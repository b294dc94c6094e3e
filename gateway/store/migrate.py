"""Brings a database's schema up to this program's, one process at a time."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import SettingsError
from gateway.store import engine
from gateway.store.address import Address
from gateway.store.engine import WRITING, EngineLimits
from gateway.store.errors import StoreUnavailable

DEADLINE_S: Final = 300.0
_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x7661_7465_6C67_7731
"""PostgreSQL's advisory lock of the migration: any number nobody else uses will do."""
_PATIENT: Final = EngineLimits(
    connections=1, more_connections=0, connect_s=5, lock_wait_s=60.0, statement_s=DEADLINE_S
)
_RETRIES: Final = 60
_RETRY_S: Final = 0.25


async def migrate(address: Address) -> None:
    """Create or upgrade the schema.

    Raises:
        SettingsError: the schema is newer than this program.
        StoreUnavailable: the database can't be reached.
    """
    if address.sqlite:
        await asyncio.to_thread(_probe, address)
    maker = engine.make(address, _PATIENT)
    try:
        async with asyncio.timeout(DEADLINE_S):
            await _patiently(maker, address)
    finally:
        async with asyncio.timeout(_PATIENT.connect_s):
            await maker.dispose()


def _probe(address: Address) -> None:
    """Open the file once without the asynchronous driver, whose thread outlives an opening that fails."""
    try:
        with closing(sqlite3.connect(address.url.database or "", timeout=0.1)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        if "locked" not in str(error):
            raise StoreUnavailable(f"DATABASE_URL: {address} can't be used: {error}") from None


async def _patiently(maker: AsyncEngine, address: Address) -> None:
    """Wait for other processes: turning on SQLite's write-ahead log fails at once where another does too."""
    for _ in range(_RETRIES):
        try:
            return await _migrate(maker)
        except OperationalError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            if not (address.sqlite and "locked" in reason):
                raise StoreUnavailable(f"DATABASE_URL: {address} can't be used: {reason}") from None
        await asyncio.sleep(_RETRY_S)
    raise StoreUnavailable(f"DATABASE_URL: {address} stays locked by another process")


async def _migrate(maker: AsyncEngine) -> None:
    async with maker.connect() as connection:
        await connection.execution_options(**{WRITING: True})
        async with connection.begin():
            if connection.dialect.name == "postgresql":
                await connection.execute(sql("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    standing = MigrationContext.configure(connection).get_current_heads()
    if newer := sorted(set(standing) - known):
        raise SettingsError(
            f"DATABASE_URL: the database has schema {newer[-1]}, this gateway knows up to "
            f"{scripts.get_current_head()}: start the newer gateway, or restore an older database."
        )
    if set(standing) != set(scripts.get_heads()):
        command.upgrade(config, "head")
