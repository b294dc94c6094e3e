"""Numbers and API keys."""

from datetime import timedelta

import pytest

from gateway.ids import E164, AgentId
from gateway.store import keys, numbers
from gateway.store.database import Database
from gateway.store.models import api_keys
from gateway.store.numbers import Connection, Number
from tests.integration.store.samples import AGENT, CALLER, NOW, OURS, after

pytestmark = pytest.mark.anyio
NUMBER = Number(
    number=OURS,
    label="Sales",
    agent_id=AGENT,
    transfer_numbers=(CALLER,),
    tools=("weather",),
    max_duration_s=600,
    recording=True,
    recording_notice="This call is recorded.",
    weights={AGENT: 3, AgentId("agent-2"): 1},
)


async def test_a_number_comes_back_as_it_was_put(database: Database) -> None:
    async with database.write() as connection:
        await numbers.put(connection, NUMBER, NOW)
        assert await numbers.get(connection, OURS) == NUMBER
        assert await numbers.every(connection) == [NUMBER]


async def test_putting_again_replaces_all_but_the_connection(database: Database) -> None:
    async with database.write() as connection:
        await numbers.put(connection, NUMBER, NOW)
        assert await numbers.connected(connection, OURS, {"voice_url": "https://old.example.com"}, NOW)
        await numbers.put(connection, Number(number=OURS), after(1))
        assert await numbers.get(connection, OURS) == Number(number=OURS)
        standing = await numbers.connection_of(connection, OURS)
    assert standing == Connection(connected=True, before={"voice_url": "https://old.example.com"})


async def test_connecting_twice_keeps_what_was_there_before_the_first(database: Database) -> None:
    async with database.write() as connection:
        await numbers.put(connection, NUMBER, NOW)
        assert await numbers.connected(connection, OURS, {"voice_url": "theirs"}, NOW)
        assert not await numbers.connected(connection, OURS, {"voice_url": "ours"}, NOW)
        standing = await numbers.connection_of(connection, OURS)
        assert standing is not None
        assert standing.before == {"voice_url": "theirs"}
        assert await numbers.disconnected(connection, OURS, NOW)
        assert not await numbers.disconnected(connection, OURS, NOW)


async def test_a_removed_number_is_gone(database: Database) -> None:
    async with database.write() as connection:
        await numbers.put(connection, NUMBER, NOW)
        assert await numbers.remove(connection, OURS)
        assert not await numbers.remove(connection, OURS)
        assert await numbers.get(connection, OURS) is None
        assert await numbers.connection_of(connection, E164("+14155550199")) is None


async def test_a_key_opens_until_it_expires_or_is_revoked(database: Database) -> None:
    async with database.write() as connection:
        key, secret = await keys.create(connection, "robot", ["calls:read"], NOW, after(60))
        text = secret.get_secret_value()
        assert await keys.find(connection, text, after(59)) == key
        assert await keys.find(connection, text, after(60)) is None
        assert await keys.revoke(connection, key.id, after(1))
        assert not await keys.revoke(connection, key.id, after(2))
        assert await keys.find(connection, text, after(3)) is None


@pytest.mark.parametrize("shown", ["", "vgw_", "vgw_wrong", "vgw_" + "x" * 5000, "vgw_\ud800\0"])
async def test_what_is_no_key_opens_nothing(database: Database, shown: str) -> None:
    async with database.read() as connection:
        assert await keys.find(connection, shown, NOW) is None


async def test_the_text_of_a_key_is_not_kept(database: Database) -> None:
    async with database.write() as connection:
        _, secret = await keys.create(connection, "robot", [], NOW)
        kept = (await connection.execute(api_keys.select())).all()
    assert secret.get_secret_value() not in repr(kept)
    assert "vgw_" not in repr(secret)


async def test_use_is_noted_to_the_minute(database: Database) -> None:
    async with database.write() as connection:
        key, _ = await keys.create(connection, "robot", [], NOW)
        for seconds in (0, 59, 60, 61):
            await keys.used(connection, key.id, after(seconds))
        assert [each.last_used_at for each in await keys.every(connection)] == [NOW + timedelta(seconds=60)]
