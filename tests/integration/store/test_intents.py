"""Dialling at most once: what two processes and a crash at any moment may do, and may not."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.ids import CallSid
from gateway.store import intents
from gateway.store.database import Database
from gateway.store.errors import KeyReused
from gateway.store.identifiers import new_call, new_intent
from gateway.store.intents import Intent, NewIntent, State
from tests.integration.store.samples import NOW, after

pytestmark = pytest.mark.anyio
LEASE = timedelta(seconds=30)
SID = CallSid("CA1")


def new(key: str | None = None, body: str = "body", api_key: str = "key_1") -> NewIntent:
    return NewIntent(
        id=new_intent(),
        call_id=new_call(),
        request={"to": "somebody"},
        owner="first",
        lease_until=NOW + LEASE,
        created_at=NOW,
        api_key_id=api_key,
        idempotency_key=key,
        body_sha256=body,
    )


async def intended(database: Database, what: NewIntent | None = None) -> Intent:
    async with database.write() as connection:
        return (await intents.intend(connection, what or new())).intent


async def test_the_carrier_may_be_asked_once(database: Database) -> None:
    one = await intended(database)

    async def post() -> bool:
        async with database.write() as connection:
            return await intents.post(connection, one.id, "first", after(1))

    assert sorted(await asyncio.gather(*(post() for _ in range(4)))) == [False, False, False, True]


async def test_only_the_owner_may_ask_and_only_in_time(database: Database) -> None:
    one = await intended(database)
    async with database.write() as connection:
        assert not await intents.post(connection, one.id, "second", after(1))
        assert not await intents.post(connection, one.id, "first", after(31))


async def test_an_idempotency_key_brings_back_the_first_intent(database: Database) -> None:
    first = new("k")
    await intended(database, first)
    async with database.write() as connection:
        again = await intents.intend(connection, new("k"))
        assert (again.intent.id, again.fresh) == (first.id, False)
        with pytest.raises(KeyReused):
            await intents.intend(connection, new("k", body="another"))
        assert (await intents.intend(connection, new("k", api_key="key_2"))).fresh
        assert (await intents.intend(connection, new(None))).fresh
        assert (await intents.intend(connection, new(None))).fresh


async def test_of_requests_at_once_with_one_key_one_dials(database: Database) -> None:
    async def request() -> bool:
        async with database.write() as connection:
            return (await intents.intend(connection, new("k"))).fresh

    assert sorted(await asyncio.gather(*(request() for _ in range(4)))) == [False, False, False, True]


async def test_intents_of_a_process_that_is_gone_are_taken_over_once(database: Database) -> None:
    one, other = await intended(database), await intended(database)
    async with database.write() as connection:
        assert await intents.post(connection, other.id, "first", after(1))
        assert await intents.abandoned(connection, "second", after(29), LEASE) == []

    async def take(owner: str) -> list[State]:
        async with database.write() as connection:
            return [each.state for each in await intents.abandoned(connection, owner, after(30), LEASE)]

    taken = await asyncio.gather(take("second"), take("third"))
    assert sorted(state for states in taken for state in states) == [State.INTENDED, State.POSTED]
    async with database.write() as connection:
        assert not await intents.post(connection, one.id, "first", after(31))


async def test_a_settled_intent_is_left_alone(database: Database) -> None:
    one = await intended(database)
    async with database.write() as connection:
        assert await intents.refused(connection, one.id, "no such number", NOW)
        assert not await intents.post(connection, one.id, "first", after(1))
        assert not await intents.renew(connection, one.id, "first", after(99))
        assert await intents.abandoned(connection, "second", after(999), LEASE) == []
        found = await intents.get(connection, one.id)
    assert found is not None
    assert found == replace(one, state=State.REFUSED, detail="no such number", resolved_at=NOW)


async def test_absence_is_proved_only_of_what_was_posted(database: Database) -> None:
    one = await intended(database)
    async with database.write() as connection:
        assert not await intents.absent(connection, one.id, "not listed", NOW)
        assert not await intents.placed(connection, one.id, SID, NOW)
        assert await intents.post(connection, one.id, "first", NOW)
        assert await intents.absent(connection, one.id, "not listed", NOW)
        assert await intents.placed(connection, one.id, SID, after(1))  # a late callback knows better
        assert not await intents.absent(connection, one.id, "not listed", after(2))


async def test_an_owner_keeps_its_intent_by_renewing(database: Database) -> None:
    one = await intended(database)
    async with database.write() as connection:
        assert await intents.renew(connection, one.id, "first", after(90))
        assert await intents.abandoned(connection, "second", after(60), LEASE) == []
        assert not await intents.renew(connection, one.id, "second", after(90))
