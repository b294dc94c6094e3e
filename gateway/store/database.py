"""The database: transactions with a deadline, and errors of the gateway's own tree."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final, Self

from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store import address, engine, migrate
from gateway.store.address import Address
from gateway.store.engine import WRITING, EngineLimits
from gateway.store.errors import RecordRefused, StoreUnavailable

DEADLINE_S: Final = 5.0
_CLOSE_S: Final = 5.0


class Database:
    """Connections to one database whose schema is this program's."""

    def __init__(self, engine: AsyncEngine, where: Address) -> None:
        self._engine = engine
        self._where = where

    @classmethod
    def at(cls, url: str, limits: EngineLimits | None = None) -> Self:
        """The database at an address; nothing is connected yet.

        Raises:
            SettingsError: the address is wrong.
        """
        where = address.parse(url)
        return cls(engine.make(where, limits or EngineLimits()), where)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, limits: EngineLimits | None = None) -> AsyncIterator[Self]:
        """Connect, bring the schema up to date, and close again at the end.

        Raises:
            SettingsError: the address is wrong, or the database belongs to a newer gateway.
            StoreUnavailable: the database can't be reached.
        """
        database = cls.at(url, limits)
        async with database.running():
            yield database

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Bring the schema up to date, and close every connection at the end.

        Raises:
            SettingsError: the database belongs to a newer gateway.
            StoreUnavailable: the database can't be reached.
        """
        with translated():
            await migrate.migrate(self._where)
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Close every connection."""
        with translated():
            async with asyncio.timeout(_CLOSE_S):
                await self._engine.dispose()

    @asynccontextmanager
    async def read(self, deadline_s: float = DEADLINE_S) -> AsyncIterator[AsyncConnection]:
        """A transaction that reads.

        Raises:
            StoreUnavailable: the database is away or slower than the deadline.
        """
        with translated():
            async with asyncio.timeout(deadline_s), self._engine.connect() as connection, connection.begin():
                yield connection

    @asynccontextmanager
    async def write(self, deadline_s: float = DEADLINE_S) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes: all of it is committed at the end, or nothing.

        Raises:
            RecordRefused: the database can't hold what it was given.
            StoreUnavailable: the database is away or slower than the deadline; it may have committed.
        """
        with translated():
            async with asyncio.timeout(deadline_s), self._engine.connect() as connection:
                # The option must be there before the transaction begins.
                await connection.execution_options(**{WRITING: True})
                async with _begun(connection):
                    yield connection

    async def ready(self, deadline_s: float = 1.0) -> bool:
        """Whether the database answers."""
        try:
            async with self.read(deadline_s) as connection:
                await connection.execute(select(sql("1")))
        except StoreUnavailable:
            return False
        return True


@asynccontextmanager
async def _begun(connection: AsyncConnection) -> AsyncIterator[None]:
    """A transaction, as soon as whoever else writes is done.

    SQLite has one writer at a time and no queue: who waits looks again and again, and may be passed over.
    The engine's bound on that is short, so that a thread that waits can be had back; the deadline is the
    caller's.
    """
    async with AsyncExitStack() as stack:
        while True:
            try:
                await stack.enter_async_context(connection.begin())
            except OperationalError as error:
                if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                    raise
            else:
                break
        yield


@contextmanager
def translated() -> Iterator[None]:
    """Turn what a driver raises into errors of the gateway, without the values that were sent."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise RecordRefused(f"the database refused a record: {_name(error)}") from error
    except DBAPIError as error:
        raise StoreUnavailable(f"the database failed: {_name(error)}") from error
    except StatementError as error:  # a value that no column takes
        raise RecordRefused(f"a record can't be written: {_name(error)}") from error
    except (SQLAlchemyError, TimeoutError, OSError) as error:
        raise StoreUnavailable(f"the database did not answer: {type(error).__name__}") from error
    except OverflowError as error:  # SQLite's driver, of a number over 64 bits
        raise RecordRefused("a number is too large") from error


def _name(error: StatementError) -> str:
    """What happened in one line; the driver's own text may hold what was sent."""
    return type(error.orig).__name__ if error.orig else type(error).__name__
