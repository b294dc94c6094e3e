"""Engines: how connections are opened, how many there may be, and how long a statement may take."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.store.address import Address

WRITING: Final = "gateway_writing"
"""The execution option of a transaction that will write."""


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What the database may cost. Each wait of the database ends before the gateway's own deadline does."""

    connections: int = 5
    more_connections: int = 5  # at a rush
    pool_wait_s: float = 2.0
    connect_s: int = 3
    lock_wait_s: float = 1.0
    statement_s: float = 5.0


_SQLITE: Final = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-256")
"""For each connection. Pages the kernel has anyway are not kept in two more MiB of each connection's own."""


def make(address: Address, limits: EngineLimits) -> AsyncEngine:
    """Make an engine; nothing is opened yet."""
    engine = create_async_engine(
        address.url,
        pool_size=limits.connections,
        max_overflow=limits.more_connections,
        pool_timeout=limits.pool_wait_s,
        pool_pre_ping=not address.sqlite,
        pool_recycle=1800,
        hide_parameters=True,  # they are people's words and numbers, and errors are logged
        connect_args=_sqlite_arguments(limits) if address.sqlite else _postgresql_arguments(limits),
    )
    if address.sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _postgresql_arguments(limits: EngineLimits) -> dict[str, Any]:
    options = {
        "statement_timeout": round(limits.statement_s * 1000),
        "lock_timeout": round(limits.lock_wait_s * 1000),
        "idle_in_transaction_session_timeout": 30_000,
        "timezone": "UTC",
    }
    return {
        "connect_timeout": limits.connect_s,
        "application_name": "vatel-gateway",
        # A plan made for any filter is a bad one for most; and poolers such as PgBouncer lose statements.
        "prepare_threshold": None,
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        # A machine that vanished is noticed in seconds, not in the hours of the kernel's defaults.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }


def _sqlite_arguments(limits: EngineLimits) -> dict[str, Any]:
    # No isolation level: the driver begins no transactions of its own, _begin_sqlite does.
    return {"timeout": limits.lock_wait_s, "isolation_level": None}


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        for pragma in _SQLITE:
            cursor.execute(f"PRAGMA {pragma}")
    except Exception:
        # The pool never sees this connection, so nobody else would end its thread.
        connection.close()
        raise
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then wants to write can't wait for another writer: it fails at
    # once (https://sqlite.org/lang_transaction.html). So one that will write says so from the start.
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
