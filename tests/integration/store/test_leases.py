"""Whose a call is: one process's at any time, whatever the others try, and nobody's for ever."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from gateway.ids import CallSid
from gateway.store import leases
from gateway.store.database import Database
from gateway.store.identifiers import CallId, new_call
from gateway.store.leases import Lease, State
from gateway.store.models import call_leases

pytestmark = pytest.mark.anyio


async def taken(database: Database, sid: str = "CA1", owner: str = "one") -> CallId:
    call_id = new_call()
    async with database.write() as connection:
        assert await leases.take(connection, call_id, CallSid(sid), owner, "{}")
    return call_id


async def age(database: Database, seconds: float) -> None:
    """Let time pass for every lease."""
    async with database.write() as connection:
        until = await leases.clock(connection) + leases.LASTS - timedelta(seconds=seconds)
        await connection.execute(update(call_leases).values(until=until))


async def expired(database: Database, owner: str, limit: int = 10) -> list[CallId]:
    async with database.write() as connection:
        return [lease.call_id for lease in await leases.take_expired(connection, owner, limit)]


async def over_to(database: Database, call_id: CallId, owner: str, sid: str = "CA1") -> Lease | None:
    async with database.write() as connection:
        return await leases.take_over(connection, call_id, CallSid(sid), owner)


async def mine(database: Database, owner: str) -> frozenset[CallId]:
    async with database.write() as connection:
        return await leases.beat(connection, owner)


async def test_a_process_keeps_what_it_renews(database: Database) -> None:
    one, other = await taken(database), await taken(database, "CA2")
    assert await mine(database, "one") == {one, other}
    assert await mine(database, "two") == frozenset()
    assert await expired(database, "two") == []


async def test_a_call_twilio_announced_to_two_processes_is_the_first_ones(database: Database) -> None:
    one = await taken(database)
    async with database.write() as connection:
        assert not await leases.take(connection, new_call(), CallSid("CA1"), "two", "{}")
        assert await leases.take(connection, one, CallSid("CA1"), "one", "{}")  # the answer was lost
    assert await mine(database, "two") == frozenset()


async def test_calls_of_a_process_that_is_gone_are_taken_once(database: Database) -> None:
    calls = {await taken(database, f"CA{number}") for number in range(6)}
    await age(database, 5.9)
    assert await expired(database, "two") == []
    await age(database, 6.1)
    assert await expired(database, "one") == []  # they are its own
    found = await asyncio.gather(*(expired(database, owner, 4) for owner in ("two", "three", "four")))
    together = [call for each in found for call in each]
    assert (len(together), set(together)) == (6, calls)
    assert await mine(database, "one") == frozenset()


async def test_twilio_s_word_counts_more_than_the_lease(database: Database) -> None:
    call = await taken(database)
    lease = await over_to(database, call, "two")
    assert lease is not None
    assert (lease.owner, lease.epoch, lease.recoveries, lease.state) == ("two", 1, 1, State.LIVE)
    assert await mine(database, "one") == frozenset()
    assert await mine(database, "two") == {call}


async def test_of_two_that_are_asked_at_once_the_last_one_has_the_call(database: Database) -> None:
    call = await taken(database)
    took = await asyncio.gather(over_to(database, call, "two"), over_to(database, call, "three"))
    last = max((lease for lease in took if lease), key=lambda lease: lease.epoch)
    assert sorted(lease.epoch for lease in took if lease) == [1, 2]
    for owner in ("two", "three"):
        assert await mine(database, owner) == ({call} if owner == last.owner else frozenset())


async def test_what_is_handed_over_is_no_recovery(database: Database) -> None:
    call = await taken(database)
    async with database.write() as connection:
        assert await leases.hand_over(connection, [call, new_call()], "one") == {call}
        assert await leases.hand_over(connection, [call], "one") == frozenset()
    assert await mine(database, "one") == frozenset()
    lease = await over_to(database, call, "two")
    assert lease is not None
    assert (lease.owner, lease.epoch, lease.recoveries) == ("two", 1, 0)


async def test_a_call_that_is_over_stays_over_and_says_how(database: Database) -> None:
    call = await taken(database)
    async with database.write() as connection:
        assert not await leases.end(connection, call, "two", falls_back=True)
        assert await leases.end(connection, call, "one", falls_back=True)
        assert not await leases.end(connection, call, "one", falls_back=False)
    lease = await over_to(database, call, "two")
    assert lease is not None
    assert (lease.owner, lease.state, lease.falls_back, lease.epoch) == ("one", State.OVER, True, 0)
    assert await mine(database, "one") == frozenset()


async def test_nobody_takes_a_call_under_another_name(database: Database) -> None:
    call = await taken(database)
    assert await over_to(database, call, "two", "CA2") is None
    assert await over_to(database, new_call(), "two") is None


async def test_only_the_owner_describes_a_call(database: Database) -> None:
    call = await taken(database)
    async with database.write() as connection:
        assert await leases.describe(connection, call, "one", '{"a": "\\u0000"}')
        assert not await leases.describe(connection, call, "two", "{}")
    lease = await over_to(database, call, "two")
    assert lease is not None
    assert lease.resume == '{"a": "\\u0000"}'


async def test_what_is_over_is_forgotten_after_a_while(database: Database) -> None:
    call, other = await taken(database), await taken(database, "CA2")
    async with database.write() as connection:
        await leases.end(connection, call, "one", falls_back=False)
        await leases.sweep(connection)
        assert await leases.count(connection) == 1
    await age(database, 3600)
    async with database.write() as connection:
        await leases.sweep(connection)
    assert await over_to(database, call, "two") is None
    assert await over_to(database, other, "two", "CA2") is not None
