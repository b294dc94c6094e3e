"""The schema: made at start, once, whoever else starts; and never by a gateway that is too old for it."""

import asyncio
import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy import text as sql

from gateway.errors import SettingsError
from gateway.store.database import Database
from gateway.store.errors import StoreUnavailable
from gateway.store.models import metadata

pytestmark = pytest.mark.anyio


async def test_the_migrations_lead_to_the_models(database: Database) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_database_can_be_opened_again(url: str) -> None:
    for _ in range(2):
        async with Database.open(url) as database:
            assert await database.ready()


async def test_several_processes_may_start_at_once(url: str) -> None:
    async def start() -> bool:
        async with Database.open(url) as database:
            return await database.ready()

    assert await asyncio.gather(*(start() for _ in range(5))) == [True] * 5


async def test_a_newer_schema_is_refused_in_one_line(url: str) -> None:
    async with Database.open(url) as database, database.write() as connection:
        await connection.execute(sql("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: .* schema 9999, this gateway knows up to \d+.*"):
        async with Database.open(url):
            pass


async def test_a_failed_migration_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    with monkeypatch.context() as broken:
        broken.setattr("sqlalchemy.engine.default.DefaultExecutionContext.post_exec", fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            async with Database.open(url):
                pass
    async with Database.open(url) as database:
        assert await database.ready()


async def test_a_server_that_is_not_there_is_one_line_without_the_password() -> None:
    with pytest.raises(StoreUnavailable, match=r"^DATABASE_URL: .*can't be used: ") as caught:
        async with Database.open("postgresql://someone:a-password@127.0.0.1:1/gateway"):
            pass
    assert not re.search(r"a-password|\n", str(caught.value))


async def test_a_folder_that_is_not_there_is_one_line() -> None:
    with pytest.raises(StoreUnavailable, match=r"^DATABASE_URL: .*unable to open database file$"):
        async with Database.open("sqlite:////nowhere/at/all/gateway.db"):
            pass


async def test_a_file_of_something_else_is_one_line_and_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(StoreUnavailable, match=r"^DATABASE_URL: .*file is not a database$"):
        async with Database.open(f"sqlite:///{path}"):
            pass
    assert path.read_text() == "not a database " * 100
