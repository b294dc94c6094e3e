"""Transactions: whole or not at all, in time or not, and their errors of the gateway's own."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from gateway.store import calls, outbox
from gateway.store.database import Database
from gateway.store.engine import EngineLimits
from gateway.store.errors import RecordRefused, StoreUnavailable
from gateway.store.outbox import Delivery
from gateway.store.records import CallChange, Direction
from tests.integration.store import samples

pytestmark = pytest.mark.anyio


async def test_a_call_and_its_webhook_are_committed_together(database: Database) -> None:
    change = samples.call()
    async with database.write() as connection:
        await calls.put(connection, change)
        await outbox.add(connection, samples.outgoing(change.call_id))
    async with database.read() as connection:
        assert await calls.get(connection, change.call_id) is not None
        assert (await outbox.counts(connection))[Delivery.PENDING] == 1


async def test_neither_is_there_when_the_transaction_fails(database: Database) -> None:
    change = samples.call()

    async def fail() -> None:
        async with database.write() as connection:
            await calls.put(connection, change)
            await outbox.add(connection, samples.outgoing(change.call_id))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with database.read() as connection:
        assert await calls.get(connection, change.call_id) is None
        assert (await outbox.counts(connection))[Delivery.PENDING] == 0


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    bad = CallChange(call_id=samples.call().call_id, created_at=samples.NOW.replace(tzinfo=None))
    with pytest.raises(RecordRefused):
        async with database.write() as connection:
            await calls.put(connection, bad)


async def test_what_was_sent_is_not_in_the_error(database: Database) -> None:
    with pytest.raises(RecordRefused) as caught:
        async with database.write() as connection:
            await connection.execute(
                sql("INSERT INTO events VALUES ('nobody', 1, :at, 'x', NULL)"), {"at": "secret"}
            )
    assert "secret" not in str(caught.value)


async def test_a_second_writer_waits_only_so_long(url: str) -> None:
    limits = EngineLimits(lock_wait_s=0.1)
    async with Database.open(url, limits) as database, database.write() as first:
        await calls.put(first, samples.call(samples.call().call_id))
        await first.execute(sql("UPDATE calls SET direction = direction"))
        with pytest.raises(StoreUnavailable):
            async with database.write(2) as second:
                await second.execute(
                    sql("DROP TABLE api_keys") if "post" not in url else sql("LOCK TABLE calls")
                )


async def test_a_writer_waits_for_another_up_to_its_own_deadline(tmp_path: Path) -> None:
    limits = EngineLimits(lock_wait_s=0.05)
    async with Database.open(f"sqlite:///{tmp_path}/gateway.db", limits) as database:
        wanted, written = asyncio.Event(), samples.call()

        async def write() -> None:
            wanted.set()
            async with database.write(10) as second:
                await calls.put(second, written)

        async with asyncio.TaskGroup() as group, database.write(10) as first:
            await calls.put(first, samples.call())
            group.create_task(write())
            await wanted.wait()
            await asyncio.sleep(0.3)  # as long as it takes to be passed over some times
        async with database.read() as connection:
            assert await calls.get(connection, written.call_id)


async def test_a_slow_statement_is_given_up(postgresql: str) -> None:
    async with Database.open(postgresql, EngineLimits(statement_s=0.1)) as database:
        with pytest.raises(StoreUnavailable):
            async with database.read() as connection:
                await connection.execute(sql("SELECT pg_sleep(30)"))


async def test_a_deadline_ends_a_transaction(postgresql: str) -> None:
    async with Database.open(postgresql) as database:
        with pytest.raises(StoreUnavailable):
            async with database.read(0.1) as connection:
                await connection.execute(sql("SELECT pg_sleep(30)"))
        assert await database.ready()


async def test_the_pool_is_bounded(url: str) -> None:
    limits = EngineLimits(connections=1, more_connections=0, pool_wait_s=0.05)
    async with Database.open(url, limits) as database, database.read():
        with pytest.raises(StoreUnavailable):
            async with database.read():
                pass


async def test_sqlite_keeps_what_the_settings_of_a_connection_promise(tmp_path: object) -> None:
    async with Database.open(f"sqlite:///{tmp_path}/gateway.db") as database, database.read() as connection:
        found = [
            (await connection.execute(sql(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert found == ["wal", 1, 1000]


async def test_moments_come_back_as_they_were(database: Database) -> None:
    change = samples.call()
    async with database.write() as connection:
        await calls.put(connection, change)
        found = await calls.get(connection, change.call_id)
    assert found is not None
    assert (found.created_at, found.direction) == (samples.NOW, Direction.INBOUND)
