"""Webhooks delivered for real: signed, again if need be, in order, and none at the cost of another."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from standardwebhooks import Webhook

from gateway.clients.egress import Egress
from gateway.clients.egress_rules import EgressRules
from gateway.clients.signed_post import new_secret
from gateway.services import delivery_store as parcels
from gateway.services.deliveries import Deliveries, DeliveryCounts
from gateway.services.delivery_rules import DeliveryLimits, Schedule
from gateway.store import outbox
from gateway.store.database import Database
from gateway.store.identifiers import CallId, MessageId, new_call, new_message
from gateway.store.models import webhook_outbox
from gateway.store.outbox import Delivery
from gateway.store.records import Outgoing
from tests.bench import webhooks
from tests.integration.gateway_rig import until
from tests.integration.store import cluster as clusters
from tests.integration.store.cluster import Cluster
from tests.loopback import SILENCE, Loopback, Request, response

pytestmark = pytest.mark.anyio
SECRET = new_secret()
LIMITS = DeliveryLimits(
    deadline_s=5.0,
    lease_s=20.0,
    first_look_s=0.01,
    last_look_s=0.05,
    close_s=0.1,
    schedule=Schedule(first_s=0.02, longest_s=0.1),
)
TAKEN = response(204)
_names = (f"deliveries_{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    programs = clusters.binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with clusters.running(programs) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    name, running = next(_names), request.getfixturevalue("cluster")
    assert isinstance(running, Cluster)
    running.execute(f"CREATE DATABASE {name}")
    return running.url(name)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with Database.open(url) as opened:
        yield opened


def keys(_endpoint: str) -> tuple[SecretStr, ...]:
    return (SECRET,)


@asynccontextmanager
async def delivering(
    database: Database,
    limits: DeliveryLimits = LIMITS,
    secrets_for: Callable[[str], tuple[SecretStr, ...]] = keys,
) -> AsyncIterator[Deliveries]:
    rules = EgressRules(loopback=True)
    async with Egress(rules, lanes=limits.lanes) as egress, asyncio.timeout(20):
        deliveries = Deliveries(database, egress, secrets_for, limits)
        async with deliveries.running():
            yield deliveries


async def write(
    database: Database, endpoint: str, *, call_id: CallId | None = None, count: int = 1
) -> list[MessageId]:
    now = datetime.now(UTC)
    made = [
        Outgoing(
            id=(name := new_message()),
            endpoint=endpoint,
            event_type="call.ended",
            payload={"type": "call.ended", "id": name, "data": {"text": "Zoë"}},
            at=now,
            call_id=call_id,
        )
        for _ in range(count)
    ]
    async with database.write() as connection:
        for message in made:
            await outbox.add(connection, message)
    return [message.id for message in made]


async def counts(database: Database) -> dict[Delivery, int]:
    async with database.read() as connection:
        return await outbox.counts(connection)


async def settled(database: Database) -> dict[Delivery, int]:
    """What is in the outbox, once nothing is pending."""
    while (found := await counts(database))[Delivery.PENDING]:  # noqa: ASYNC110 - another task changes it
        await asyncio.sleep(0.01)
    return found


def states(delivered: int = 0, dead: int = 0, pending: int = 0) -> dict[Delivery, int]:
    return {Delivery.PENDING: pending, Delivery.DELIVERED: delivered, Delivery.DEAD: dead}


def names(requests: list[Request]) -> list[str]:
    return [request.headers["webhook-id"] for request in requests]


@dataclass(frozen=True)
class Row:
    """What the outbox knows of a message."""

    next_at: datetime
    last_error: str | None
    owner: str | None
    attempts: int


async def row(database: Database, message: MessageId) -> Row:
    table = webhook_outbox.c
    query = select(table.next_at, table.last_error, table.owner, table.attempts).where(table.id == message)
    async with database.read() as connection:
        return Row(*(await connection.execute(query)).one())


@asynccontextmanager
async def away(path: Path) -> AsyncIterator[None]:
    """The outbox can't be had; taken in a thread, for who writes to it may need this one to let go."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        await asyncio.to_thread(other.execute, "ALTER TABLE webhook_outbox RENAME TO elsewhere")
        yield
        other.execute("ALTER TABLE elsewhere RENAME TO webhook_outbox")


class Pen(Database):
    """A database that counts who wants to write."""

    wanted = 0

    @asynccontextmanager
    async def write(self, deadline_s: float = 5.0) -> AsyncIterator[AsyncConnection]:
        self.wanted += 1
        async with super().write(deadline_s) as connection:
            yield connection


async def test_looking_for_work_keeps_nobody_from_writing(url: str) -> None:
    async with Pen.open(url) as database, Loopback(response(500)) as server:
        async with delivering(database) as deliveries:
            await asyncio.sleep(0.3)
            assert database.wanted == 0
            call, hook = new_call(), f"{server.url}/hook"
            await write(database, hook, call_id=call, count=3)  # two of them wait for the first
            slow = Schedule(first_s=60.0)
        async with delivering(database, replace(LIMITS, schedule=slow)) as deliveries:
            await until(lambda: deliveries.counts.failed == 1 and not deliveries.under_way)
            before = database.wanted
            await asyncio.sleep(0.3)
            assert database.wanted == before


async def test_an_event_is_delivered_signed(database: Database) -> None:
    async with Loopback(TAKEN) as server, delivering(database) as deliveries:
        (message,) = await write(database, f"{server.url}/hook")
        deliveries.nudge()
        assert await settled(database) == states(delivered=1)
    [request] = server.requests
    assert request.headers["webhook-id"] == message
    event = Webhook(SECRET.get_secret_value()).verify(request.body, request.headers)
    assert event == {"type": "call.ended", "id": message, "data": {"text": "Zoë"}}
    assert deliveries.counts == DeliveryCounts(delivered=1)


async def test_a_failure_is_followed_by_the_same_event_under_the_same_name(database: Database) -> None:
    async def gone(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        Loopback(response(500), response(429), gone, TAKEN) as server,
        delivering(database) as deliveries,
    ):
        (message,) = await write(database, server.url)
        assert await settled(database) == states(delivered=1)
    assert names(server.requests) == [message] * 4
    assert len({request.body for request in server.requests}) == 1
    assert deliveries.counts == DeliveryCounts(delivered=1, failed=3)


async def test_what_is_rejected_is_a_dead_letter_that_can_be_replayed(database: Database) -> None:
    async with Loopback(response(404), TAKEN) as server, delivering(database) as deliveries:
        (message,) = await write(database, f"{server.url}/secret")
        assert await settled(database) == states(dead=1)
        [letter] = await deliveries.dead_letters()
        assert (letter.id, letter.host, letter.attempts) == (message, "127.0.0.1", 1)
        assert letter.last_error == "the endpoint answered 404"
        assert "secret" not in repr(letter)
        assert await deliveries.replay(message)
        assert not await deliveries.replay(message)
        assert await settled(database) == states(delivered=1)
        assert await deliveries.dead_letters() == []
    assert names(server.requests) == [message] * 2


async def test_dead_letters_come_in_pages_and_go_out_again_together(database: Database) -> None:
    began = datetime.now(UTC)
    async with Loopback(*[response(400)] * 5, TAKEN) as server, delivering(database) as deliveries:
        written = await write(database, server.url, count=5)
        assert await settled(database) == states(dead=5)
        page = await deliveries.dead_letters(limit=3)
        rest = await deliveries.dead_letters(before=page[-1].id, limit=3)
        assert [letter.id for letter in [*page, *rest]] == written[::-1]
        assert await deliveries.replay_since(datetime.now(UTC)) == 0
        assert await deliveries.replay_since(began - timedelta(seconds=1)) == 5
        assert await settled(database) == states(delivered=5)


async def test_an_endpoint_that_is_gone_gets_nothing_more_until_something_is_replayed(
    database: Database,
) -> None:
    limits = replace(LIMITS, per_endpoint=1)
    async with Loopback(response(410), TAKEN) as server, delivering(database, limits) as deliveries:
        first, *_ = await write(database, f"{server.url}/gone", count=3)
        assert await settled(database) == states(dead=3)
        await write(database, f"{server.url}/gone")
        assert await settled(database) == states(dead=4)
        assert names(server.requests) == [first]
        await write(database, f"{server.url}/other")
        assert await settled(database) == states(delivered=1, dead=4)
        assert await deliveries.replay(first)
        assert await settled(database) == states(delivered=2, dead=3)
        await write(database, f"{server.url}/gone")
        assert await settled(database) == states(delivered=3, dead=3)
    assert deliveries.counts == DeliveryCounts(delivered=3, failed=1, dead=4)


async def test_an_endpoint_that_is_gone_gets_nothing_of_what_it_failed_before(database: Database) -> None:
    limits = replace(LIMITS, schedule=Schedule(first_s=60.0))
    async with Loopback(response(500), response(410)) as server, delivering(database, limits) as running:
        first, *_ = await write(database, server.url)
        await until(lambda: running.counts.failed == 1 and not running.under_way)
        await write(database, server.url)
        assert await settled(database) == states(dead=2)
        await until(lambda: not running.under_way)
        assert running.counts == DeliveryCounts(failed=2, dead=2)
    assert (await row(database, first)).last_error == "the endpoint answered 410"
    assert len(server.requests) == 2


async def test_silent_endpoints_hold_up_nobody(database: Database) -> None:
    limits = replace(LIMITS, at_once=8, per_host=8, per_endpoint=4, deadline_s=15.0)
    async with (
        Loopback(SILENCE) as silent,
        Loopback(TAKEN) as server,
        delivering(database, limits) as running,
    ):
        await write(database, silent.url, count=100)
        await until(lambda: len(silent.requests) == 4)
        await write(database, server.url, count=30)
        await until(lambda: running.counts.delivered == 30)
        assert (len(silent.requests), running.counts.failed) == (4, 0)


async def test_an_endpoint_that_does_not_answer_is_asked_one_at_a_time(database: Database) -> None:
    inside: list[int] = []

    async def fail(writer: asyncio.StreamWriter) -> None:
        inside.append(running.under_way)
        await asyncio.sleep(0.05)
        writer.close()

    async with Loopback(fail) as silent, delivering(database) as running:
        await write(database, silent.url, count=12)
        await until(lambda: len(inside) == 12)
    assert inside[:4] == [4] * 4
    assert set(inside[4:]) == {1}


async def test_a_host_has_so_many_requests_at_a_time(database: Database) -> None:
    limits = replace(LIMITS, at_once=8, per_host=3)
    async with (
        Loopback(SILENCE) as silent,
        Loopback(TAKEN) as server,
        delivering(database, limits) as running,
    ):
        for number in range(20):
            await write(database, f"{silent.url}/{number}")
        await until(lambda: len(silent.requests) == 3)
        other = server.url.replace("127.0.0.1", "localhost")
        await write(database, other, count=5)
        await until(lambda: running.counts.delivered == 5)
        assert len(silent.requests) == 3


@pytest.mark.parametrize(
    ("endpoint", "offered"),
    [
        ("https://a.example.com", False),
        ("https://a.example.com/x", False),
        ("HTTPS://A.example.com:8443/x", False),
        ("https://a.example.com?x", False),
        ("https://a.example.com.example.org/", True),
        ("https://aXexample.com/", True),
        ("https://b.example.com/?to=https://a.example.com/", True),
    ],
)
async def test_a_host_is_known_in_every_spelling(database: Database, endpoint: str, offered: bool) -> None:
    (message,) = await write(database, endpoint)
    async with database.write() as connection:
        found = await parcels.due(
            connection, datetime.now(UTC), but_endpoints=["x"], but_hosts=["a.example.com"], limit=5
        )
    assert found == ([(message, endpoint)] if offered else [])


async def test_the_next_event_of_a_call_waits_for_the_one_before(database: Database) -> None:
    call = new_call()
    async with Loopback(response(500), response(500), TAKEN) as server, delivering(database):
        first, second = await write(database, server.url, call_id=call, count=2)
        assert await settled(database) == states(delivered=2)
    assert names(server.requests) == [first, first, first, second]


async def test_two_processes_deliver_each_event_once(database: Database) -> None:
    async with Loopback(TAKEN) as server:
        written = await write(database, server.url, count=80)
        async with delivering(database), delivering(database):
            assert await settled(database) == states(delivered=80)
    assert sorted(names(server.requests)) == written


async def test_what_a_killed_process_had_taken_goes_out_when_its_lease_is_over(database: Database) -> None:
    async with Loopback(TAKEN) as server:
        (message,) = await write(database, server.url)
        async with database.write() as connection:
            now, lease = datetime.now(UTC), timedelta(seconds=0.4)
            assert await parcels.take(connection, [message], "killed", now, lease)
        async with delivering(database):
            assert await settled(database) == states(delivered=1)
    assert datetime.now(UTC) >= now + lease
    assert names(server.requests) == [message]


async def test_a_request_that_outlives_its_lease_is_not_sent_twice_at_a_time(database: Database) -> None:
    async with Loopback(SILENCE) as silent, delivering(database, replace(LIMITS, lease_s=0.1)) as running:
        (message,) = await write(database, silent.url)
        await until(lambda: silent.requests)
        async with Loopback(TAKEN) as server:
            for done in range(1, 6):
                await asyncio.sleep(0.1)
                await write(database, server.url)
                await until(lambda: running.counts.delivered == done)  # noqa: B023 - asked in this round only
    assert names(silent.requests) == [message]


async def test_an_endpoint_that_asks_for_time_gets_it_for_all_its_events(database: Database) -> None:
    limits = replace(LIMITS, per_endpoint=1)
    async with (
        Loopback(response(429, Retry_After="100"), TAKEN) as server,
        delivering(database, limits) as running,
    ):
        began = datetime.now(UTC)
        first, second = await write(database, f"{server.url}/slow", count=2)
        await until(lambda: running.counts.failed == 1)
        await write(database, f"{server.url}/other")
        await until(lambda: running.counts.delivered == 1)
        assert names(server.requests)[0] == first
    for message, attempts in ((first, 1), (second, 0)):
        found = await row(database, message)
        assert found.next_at >= began + timedelta(seconds=100)
        assert (found.attempts, found.owner) == (attempts, None)


async def test_at_the_end_what_is_under_way_is_given_back(database: Database) -> None:
    async with Loopback(SILENCE, TAKEN) as server:
        (message,) = await write(database, server.url)
        async with delivering(database):
            await until(lambda: server.requests)
        assert (await row(database, message)).owner is None
        async with delivering(database):
            assert await settled(database) == states(delivered=1)
    assert names(server.requests) == [message] * 2


async def test_at_the_end_an_answer_that_comes_is_waited_for(database: Database) -> None:
    asked, answers = asyncio.Event(), asyncio.Event()

    async def late(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answers.wait()
        writer.write(TAKEN)

    async with Loopback(late) as server:
        await write(database, server.url)
        async with delivering(database, replace(LIMITS, close_s=5.0)):
            await asked.wait()
            asyncio.get_running_loop().call_later(0.1, answers.set)
        assert await counts(database) == states(delivered=1)


async def test_a_nudge_is_enough_to_look_at_once(database: Database) -> None:
    limits = replace(LIMITS, first_look_s=60.0, last_look_s=60.0)
    async with Loopback(TAKEN) as server, delivering(database, limits) as deliveries:
        await asyncio.sleep(0.1)
        await write(database, server.url)
        deliveries.nudge()
        await until(lambda: deliveries.counts.delivered == 1)


async def test_an_event_without_a_secret_waits_for_one(database: Database) -> None:
    async with Loopback(TAKEN) as server, delivering(database, secrets_for=lambda _: ()) as deliveries:
        (message,) = await write(database, server.url)
        await until(lambda: deliveries.counts.failed == 1 and not deliveries.under_way)
    found = await row(database, message)
    assert found.next_at > datetime.now(UTC) + timedelta(seconds=200)
    assert found.last_error == "an endpoint needs 1 to 4 secrets"
    assert server.requests == []


@pytest.mark.parametrize(
    "endpoint", ["no address", "http://hooks.example.com/", "https://10.0.0.1/", "https://[::1"]
)
async def test_a_bad_address_is_a_dead_letter_at_once(database: Database, endpoint: str) -> None:
    async with delivering(database):
        await write(database, endpoint)
        assert await settled(database) == states(dead=1)


async def test_a_bug_in_one_delivery_does_not_reach_the_others(database: Database) -> None:
    def secrets_for(endpoint: str) -> tuple[SecretStr, ...]:
        if endpoint.endswith("/bad"):
            raise ValueError(endpoint)
        return (SECRET,)

    async with Loopback(TAKEN) as server, delivering(database, secrets_for=secrets_for) as deliveries:
        (bad,) = await write(database, f"{server.url}/bad")
        await until(lambda: deliveries.counts.failed == 1 and not deliveries.under_way)
        await write(database, f"{server.url}/good")
        await until(lambda: deliveries.counts.delivered == 1)
    assert (await row(database, bad)).last_error == "the request failed: ValueError"


async def test_while_the_database_is_away_webhooks_wait(tmp_path: Path) -> None:
    async with (
        Database.open(f"sqlite:///{tmp_path}/gateway.db") as database,
        Loopback(TAKEN) as server,
        delivering(database) as deliveries,
    ):
        await write(database, server.url, count=3)
        await until(lambda: deliveries.counts.delivered == 3)
        async with away(tmp_path / "gateway.db"):
            await until(lambda: deliveries.behind)
        assert await settled(database) == states(delivered=3)
        await write(database, server.url)
        assert await settled(database) == states(delivered=4)
        await until(lambda: not deliveries.behind)
    assert len(server.requests) == 4


async def test_places_are_given_back_when_taking_fails(tmp_path: Path) -> None:
    fails = "CREATE TRIGGER fails BEFORE UPDATE ON webhook_outbox BEGIN SELECT RAISE(ABORT, ''); END"
    async with (
        Database.open(f"sqlite:///{tmp_path}/gateway.db") as database,
        Loopback(TAKEN) as server,
        delivering(database, replace(LIMITS, at_once=1)) as deliveries,
    ):
        async with database.write() as connection:
            await connection.execute(text(fails))
        await write(database, server.url)
        await until(lambda: deliveries.behind)
        async with database.write() as connection:
            await connection.execute(text("DROP TRIGGER fails"))
        assert await settled(database) == states(delivered=1)


async def test_killed_twice_nothing_is_lost_nor_renamed(url: str) -> None:
    result = await webhooks.run(url, 300)
    assert result.good, str(result)
    assert sum(result.failures.values()) > 60
    assert result.repeated > 0
