"""The journal: nothing waits for it, and nothing is lost that it took."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import text as sql

from gateway.bridge.report import Ending
from gateway.store import calls, conversations, delivery, outbox
from gateway.store.calls import Call
from gateway.store.database import Database
from gateway.store.engine import EngineLimits
from gateway.store.identifiers import CallId, StreamName, new_call, new_stream
from gateway.store.journal import Journal, JournalLimits
from gateway.store.outbox import Delivery
from gateway.store.queue import Bounds, Queue
from gateway.store.records import AnyRecord, CallChange, Status, ended
from tests.integration.store import samples
from tests.integration.store.cluster import Cluster
from tests.integration.store.conftest import fresh

pytestmark = pytest.mark.anyio
QUICK = JournalLimits(deadline_s=0.5, patience_s=0.02, first_retry_s=0.05, last_retry_s=0.2, close_s=0.3)


@asynccontextmanager
async def journal(database: Database, folder: Path, limits: JournalLimits = QUICK) -> AsyncIterator[Journal]:
    made = Journal(database, folder, limits)
    async with made.running():
        yield made


async def seen(database: Database, call_id: CallId) -> tuple[Call | None, list[int]]:
    """A call, and the numbers of its events."""
    async with database.read() as connection:
        found = await calls.get(connection, call_id)
        events = await conversations.events_of(connection, call_id)
    return found, [event.sequence for event in events]


async def until(condition: Callable[[], object]) -> None:
    """Wait for something the journal counts."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is counted has no event
            await asyncio.sleep(0.01)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody keeps SQLite's only pen."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


async def test_a_whole_call_is_written(database: Database, tmp_path: Path) -> None:
    one = new_call()
    async with journal(database, tmp_path / "spill") as book:
        book.put(samples.call(one))
        book.put(samples.turn(one), samples.tool(one))
        book.put(samples.event(one))
        book.put(ended(one, Ending.AGENT_ENDED, samples.after(60)), samples.outgoing(one))
        assert await book.flush(10)
        assert book.counts.written == 4
    found, events = await seen(database, one)
    assert found is not None
    assert (found.ending, events) == ("agent_ended", [1])
    async with database.read() as connection:
        assert (await outbox.counts(connection))[Delivery.PENDING] == 1
        assert await conversations.tools_of(connection, one) == (samples.tool(one),)
    assert list((tmp_path / "spill").iterdir()) == []


async def test_leaving_writes_what_was_put_last(database: Database, tmp_path: Path) -> None:
    one = new_call()
    async with journal(database, tmp_path, JournalLimits()) as book:
        for number in range(500):
            book.put(samples.call(one), samples.event(one, number))
    assert (await seen(database, one))[1] == list(range(500))


async def test_what_can_never_be_written_does_not_stop_the_rest(database: Database, tmp_path: Path) -> None:
    one = new_call()
    bad = CallChange(call_id=one, created_at=samples.NOW.replace(tzinfo=None))
    async with journal(database, tmp_path) as book:
        book.put(samples.call(one), samples.event(one, 1))
        book.put(bad, samples.event(one, 2))
        book.put(samples.event(one, 3))
        assert await book.flush(10)
        assert (book.counts.written, book.counts.refused) == (2, 1)
    assert (await seen(database, one))[1] == [1, 3]


async def test_what_belongs_to_a_lost_call_makes_its_row(database: Database, tmp_path: Path) -> None:
    one = new_call()
    async with journal(database, tmp_path) as book:
        book.put(samples.event(one, 1))
    found, events = await seen(database, one)
    assert found is not None
    assert events == [1]


async def test_hostile_values_are_written_tidied(database: Database, tmp_path: Path) -> None:
    one = new_call()
    deep: dict[str, object] = {}
    inner = deep
    for _ in range(5000):
        inner["x"] = inner = {}
    nasty = {"\0": "\0\ud800", "nan": float("nan"), "huge": 2**70, "set": {1}, "deep": deep, "ok": 1}
    async with journal(database, tmp_path) as book:
        assert book.put(CallChange(call_id=one, metadata=nasty, summary="a\0\udfff"))
    found, _ = await seen(database, one)
    assert found is not None
    assert found.summary == "a?"
    assert found.metadata is not None
    assert (found.metadata["ok"], found.metadata["huge"]) == (1, None)


async def test_sqlite_locked_for_a_while_loses_nothing(tmp_path: Path) -> None:
    path, one = tmp_path / "gateway.db", new_call()
    limits = EngineLimits(lock_wait_s=0.1)
    async with (
        Database.open(f"sqlite:///{path}", limits) as database,
        journal(database, tmp_path / "s") as book,
    ):
        with locked(path):
            for number in range(300):
                assert book.put(samples.call(one), samples.event(one, number))
            await until(lambda: book.counts.spilled == 300)
            assert book.behind
            assert not await book.flush(0.1)
        assert await book.flush(20)
        assert (book.counts.lost, book.counts.refused, book.behind) == (0, 0, False)
        assert (await seen(database, one))[1] == list(range(300))


async def test_a_postgresql_stopped_and_started_again_loses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    one = new_call()
    async with Database.open(fresh(cluster)) as database, journal(database, tmp_path) as book:
        book.put(samples.call(one))
        assert await book.flush(10)
        async with asyncio.TaskGroup() as group:
            away = group.create_task(cluster.restart_after(0.5))
            number = 0
            while not away.done():
                number += 1
                assert book.put(samples.event(one, number))
                await asyncio.sleep(0.01)
        assert await book.flush(20)
        assert book.counts.spilled > 0
        assert (await seen(database, one))[1] == list(range(1, number + 1))


async def test_a_table_of_postgresql_locked_for_a_while_loses_nothing(
    postgresql: str, tmp_path: Path
) -> None:
    one = new_call()
    async with Database.open(postgresql) as database, journal(database, tmp_path) as book:
        async with database.write(20) as other:
            await other.execute(sql("LOCK TABLE calls"))
            for number in range(50):
                book.put(samples.call(one), samples.event(one, number))
            await until(lambda: book.counts.spilled == 50 and book.behind)
        assert await book.flush(20)
        assert (await seen(database, one))[1] == list(range(50))


async def test_what_one_process_left_the_next_one_writes(tmp_path: Path) -> None:
    path, one = tmp_path / "gateway.db", new_call()
    limits = EngineLimits(lock_wait_s=0.05)
    async with Database.open(f"sqlite:///{path}", limits) as database:
        with locked(path):
            async with journal(database, tmp_path / "s") as first:
                first.put(samples.call(one), samples.event(one, 1))
            assert (first.counts.spilled, first.counts.lost) == (1, 0)
        async with journal(database, tmp_path / "s") as second:
            second.put(CallChange(call_id=one, status=Status.COMPLETED), samples.event(one, 2))
            assert await second.flush(10)
        found, events = await seen(database, one)
        assert found is not None
        assert (found.status, events) == (Status.COMPLETED, [1, 2])
        assert list((tmp_path / "s").iterdir()) == []


async def test_a_full_journal_counts_what_it_loses_and_never_raises(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    limits = JournalLimits(memory=Bounds(entries=5), disk_bytes=0, deadline_s=0.2, close_s=0.1)
    async with Database.open(f"sqlite:///{path}", EngineLimits(lock_wait_s=0.05)) as database:
        with locked(path):
            async with journal(database, tmp_path / "s", limits) as book:
                taken = [book.put(samples.call()) for _ in range(8)]
        assert taken == [True] * 5 + [False] * 3
        assert book.counts.lost == 8


async def test_a_broken_disk_keeps_entries_in_memory_until_the_database_is_back(tmp_path: Path) -> None:
    path, one = tmp_path / "gateway.db", new_call()
    async with Database.open(f"sqlite:///{path}", EngineLimits(lock_wait_s=0.05)) as database:
        async with journal(database, tmp_path / "s") as book:
            with locked(path):
                (tmp_path / "s").rmdir()
                book.put(samples.call(one))
                await until(lambda: book.behind)
            assert await book.flush(10)
        assert (await seen(database, one))[0] is not None


def lines_of(groups: Sequence[Sequence[AnyRecord]]) -> list[bytes]:
    queue = Queue(Bounds())
    for group in groups:
        assert queue.put(group)
    return queue.peek(len(groups), 10**9)


@given(
    statuses=some.lists(some.sampled_from(list(Status)), min_size=1, max_size=12),
    retries=some.lists(some.tuples(some.integers(0, 12), some.integers(0, 12)), max_size=6),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_batches_that_come_again_change_nothing(
    database: Database, statuses: list[Status], retries: list[tuple[int, int]]
) -> None:
    """However often, and from however far back, a stream is delivered again: as if it came once."""

    async def written(stream: StreamName, call_id: CallId, order: list[slice]) -> object:
        groups: list[list[AnyRecord]] = [
            [
                CallChange(call_id=call_id, created_at=samples.NOW, status=status, summary=f"{number}"),
                samples.turn(call_id, number % 3, f"words {number}"),
                samples.event(call_id, number),
            ]
            for number, status in enumerate(statuses)
        ]
        lines = lines_of(groups)
        for part in order:
            assert (await delivery.deliver(database, stream, lines[part], 10)).problems == []
        found, events = await seen(database, call_id)
        assert found is not None
        async with database.read() as connection:
            turns = await conversations.turns_of(connection, call_id)
        return found.summary, found.status, events, [(turn.turn_id, turn.heard_text) for turn in turns]

    at, order = 0, []
    for back, length in retries:
        begin = max(0, at - back)
        order.append(slice(begin, begin + length))
        at = max(at, min(begin + length, len(statuses)))
    order.append(slice(max(0, at - 3), None))
    once = await written(new_stream(), new_call(), [slice(None)])
    assert await written(new_stream(), new_call(), order) == once
