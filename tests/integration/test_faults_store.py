"""A database that is locked while calls begin, run and end: no caller waits for it, no record is lost."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.gateway_audio import heard, on_the_line, speak, words
from tests.integration.gateway_rig import anyio_backend, running_gateway, until
from tests.integration.test_records import kept, record

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]


@asynccontextmanager
async def locked(file: Path) -> AsyncIterator[None]:
    """Nobody else can write in here."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    # In a thread: the gateway, which shares this loop, may have to finish a transaction first.
    await asyncio.to_thread(connection.execute, "BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


async def test_a_database_that_is_locked_for_seconds_is_waited_for_by_no_caller(tmp_path: Path) -> None:
    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        async with locked(tmp_path / "gateway.db"):
            began = time.monotonic()
            talk = await rig.conversation()
            connected_s = time.monotonic() - began
            speak(talk.session, "one", words(1, 4.0))
            await talk.line.wait_heard(4.0)
            other = await rig.call()
            await other.stream()
            await talk.call.hang_up()
            assert await rig.ending(talk.call) == "caller_hung_up"
        keeping = rig.gateway.parts.keeping
        assert keeping is not None
        await until(lambda: rig.metric("records", outcome="spilled") > 0)
        await until(lambda: not keeping.journal.waiting, 20)
        await other.hang_up()
        written = await record(rig, talk.call.sid)
        later = await record(rig, other.sid)
        assert rig.metric("records", outcome="lost") == 0
    print(f"connected in {connected_s:.3f} s with the database locked")  # noqa: T201 - a figure
    assert connected_s < 1.5
    assert on_the_line(words(1, 4.0)).startswith(heard(talk.line))
    assert len(heard(talk.line)) > 3.8 * 8000
    assert (written.ending, later.ending) == ("caller_hung_up", "caller_hung_up")
    assert written.duration_ms is not None
