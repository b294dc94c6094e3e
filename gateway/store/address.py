"""``DATABASE_URL``: what an operator writes, and the address SQLAlchemy's asynchronous drivers take."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from gateway.errors import SettingsError

DEFAULT: Final = "sqlite:///gateway.db"
_EXAMPLES: Final = "such as sqlite:///gateway.db or postgresql://user:password@host/name"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is. Its text never shows the password."""

    url: URL

    @property
    def sqlite(self) -> bool:
        """Whether it is a file of SQLite, and not PostgreSQL."""
        return self.url.get_backend_name() == "sqlite"

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)


def parse(value: str) -> Address:
    """Read a ``DATABASE_URL``.

    Raises:
        SettingsError: it is no address of SQLite or PostgreSQL; one line, without the address itself.
    """
    try:
        url = make_url(value.strip())
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        raise SettingsError(f"DATABASE_URL: must be an address {_EXAMPLES}.") from None
    if backend == "sqlite":
        return Address(_sqlite(url))
    if backend in ("postgresql", "postgres"):
        return Address(_postgresql(url))
    raise SettingsError(f"DATABASE_URL: must be SQLite or PostgreSQL, {_EXAMPLES}.")


def _sqlite(url: URL) -> URL:
    if url.host:
        raise SettingsError("DATABASE_URL: SQLite takes three slashes and a path: sqlite:///gateway.db.")
    # A database in memory belongs to one connection, and the gateway has several.
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise SettingsError("DATABASE_URL: SQLite needs a file: sqlite:///gateway.db.")
    return URL.create("sqlite+aiosqlite", database=url.database)


def _postgresql(url: URL) -> URL:
    if not url.database:
        raise SettingsError("DATABASE_URL: names no database: postgresql://user:password@host/name.")
    return url.set(drivername="postgresql+psycopg")
