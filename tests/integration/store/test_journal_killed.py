"""A process killed in the middle of writing: what it had out of its hands is in the tables afterwards."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.store import conversations
from gateway.store.database import Database
from gateway.store.identifiers import CallId, new_call
from gateway.store.journal import Journal
from tests.integration.store.cluster import Cluster
from tests.integration.store.conftest import fresh
from tests.integration.store.test_journal import locked

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def child(url: str, folder: Path, call_id: CallId) -> AsyncIterator[asyncio.subprocess.Process]:
    module = "tests.integration.store.journal_child"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, url, str(folder), call_id, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def promised(process: asyncio.subprocess.Process, more: int) -> int:
    """Read what the child says until it has put so many more; the last number it said."""
    assert process.stdout is not None
    last, goal = 0, 0
    async with asyncio.timeout(30):
        while not goal or last < goal:
            line = (await process.stdout.readline()).strip()
            if line.isdigit():  # and not a line of the log
                last = int(line)
                goal = goal or last + more
    return last


async def killed(process: asyncio.subprocess.Process) -> int:
    """Kill it; the last number it got out."""
    process.kill()
    assert process.stdout is not None
    rest = [line for line in (await process.stdout.read()).split(b"\n")[:-1] if line.isdigit()]
    return int(rest[-1]) if rest else 0


async def events(url: str, folder: Path, call_id: CallId) -> list[int]:
    """What is in the tables once the next process has begun."""
    async with Database.open(url) as database:
        journal = Journal(database, folder)
        async with journal.running():
            assert await journal.flush(30)
        async with database.read() as connection:
            return [event.sequence for event in await conversations.events_of(connection, call_id)]


async def test_killed_while_sqlite_is_locked(tmp_path: Path) -> None:
    url, one = f"sqlite:///{tmp_path}/gateway.db", new_call()
    async with child(url, tmp_path / "s", one) as process:
        await promised(process, 50)
        with locked(tmp_path / "gateway.db"):
            await promised(process, 200)
            last = await killed(process)
    found = await events(url, tmp_path / "s", one)
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= last


async def test_killed_while_postgresql_comes_back(cluster: Cluster, tmp_path: Path) -> None:
    url, one = fresh(cluster), new_call()
    async with child(url, tmp_path, one) as process:
        await promised(process, 50)
        await asyncio.to_thread(cluster.stop)
        try:
            await promised(process, 200)
        finally:
            await asyncio.to_thread(cluster.start)
        await promised(process, 20)
        last = await killed(process)
    found = await events(url, tmp_path, one)
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= last
