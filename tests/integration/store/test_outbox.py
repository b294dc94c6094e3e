"""Outgoing webhooks: each to one process at a time, those of a call in order, until taken or dead."""

import asyncio
from datetime import timedelta

import pytest

from gateway.store import outbox
from gateway.store.database import Database
from gateway.store.identifiers import MessageId, new_call
from gateway.store.outbox import Delivery
from gateway.store.records import Outgoing
from tests.integration.store.samples import NOW, after, outgoing

pytestmark = pytest.mark.anyio
LEASE = timedelta(seconds=30)


async def add(database: Database, *messages: Outgoing) -> list[MessageId]:
    async with database.write() as connection:
        for message in messages:
            await outbox.add(connection, message)
    return [message.id for message in messages]


async def claim(database: Database, at: float = 0, owner: str = "one", limit: int = 20) -> list[MessageId]:
    async with database.write() as connection:
        return [each.id for each in await outbox.claim(connection, owner, after(at), LEASE, limit)]


async def test_messages_are_given_out_once_while_the_lease_lasts(database: Database) -> None:
    added = await add(database, *(outgoing() for _ in range(6)))
    taken = await asyncio.gather(*(claim(database, owner=str(number), limit=3) for number in range(4)))
    assert sorted(one for some in taken for one in some) == added
    assert await claim(database, 29) == []
    assert await claim(database, 30) == added


async def test_messages_of_a_call_wait_for_those_before(database: Database) -> None:
    call = new_call()
    first, second = await add(database, outgoing(call), outgoing(call))
    assert await claim(database) == [first]
    assert await claim(database, owner="two") == []
    async with database.write() as connection:
        assert await outbox.failed(connection, first, "one", "503", after(60))
    assert await claim(database, 59) == []
    assert await claim(database, 60) == [first]
    async with database.write() as connection:
        assert await outbox.failed(connection, first, "one", "410", None)
    assert await claim(database, 61) == [second]


async def test_one_settled_is_never_given_out_again(database: Database) -> None:
    (one,) = await add(database, outgoing())
    await claim(database)
    async with database.write() as connection:
        assert await outbox.delivered(connection, one, "one", NOW)
        assert not await outbox.failed(connection, one, "one", "late", after(1))
        assert await outbox.counts(connection) == {
            Delivery.PENDING: 0,
            Delivery.DELIVERED: 1,
            Delivery.DEAD: 0,
        }
    assert await claim(database, 999) == []


async def test_an_owner_whose_lease_passed_on_settles_nothing(database: Database) -> None:
    (one,) = await add(database, outgoing())
    await claim(database, owner="one")
    assert await claim(database, 31, owner="two") == [one]
    async with database.write() as connection:
        assert not await outbox.delivered(connection, one, "one", after(32))
        assert await outbox.delivered(connection, one, "two", after(32))


async def test_of_messages_with_one_key_the_first_goes_out(database: Database) -> None:
    first, _ = await add(database, outgoing(key="call.ended of 1"), outgoing(key="call.ended of 1"))
    assert await claim(database) == [first]


async def test_a_dead_message_can_be_revived(database: Database) -> None:
    (one,) = await add(database, outgoing())
    await claim(database)
    async with database.write() as connection:
        assert not await outbox.revive(connection, one, NOW)
        assert await outbox.failed(connection, one, "one", "no such host", None)
        assert await outbox.revive(connection, one, after(5))
        (message,) = await outbox.claim(connection, "two", after(5), LEASE)
    assert (message.id, message.attempts, message.payload) == (one, 1, {"call": None})
