"""Tells customers of calls that never reached the bridge: what happened is read off the call's record."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from gateway import logs
from gateway.calls.facts import Facts, Tell
from gateway.store import calls
from gateway.store.calls import Call
from gateway.store.database import Database
from gateway.store.errors import StoreError
from gateway.store.identifiers import CallId
from gateway.store.journal import Journal
from gateway.store.records import Direction, Json, Status

_MOST: Final = 10_000
_SETTLED_S: Final = 2.0
"""How long what is in the journal may take to be in the record."""
_PAUSE_S: Final = 5.0


class DialTell:
    """Takes what the dialler tells. The same event told from elsewhere too goes out once.

    Args:
        database: Where the records are.
        journal: Takes the events.
        tell: Makes them.
        written: Called when there is one to deliver.
    """

    def __init__(self, database: Database, journal: Journal, tell: Tell, written: Callable[[], None]) -> None:
        self._database = database
        self._journal = journal
        self._tell = tell
        self._written = written
        self._told: asyncio.Queue[tuple[str, CallId]] = asyncio.Queue(_MOST)
        self._log = logs.get()

    def __call__(self, kind: str, call_id: CallId, _data: Json) -> None:
        """Something happened. Never waits, never raises."""
        try:
            self._told.put_nowait((kind, call_id))
        except asyncio.QueueFull:
            self._log.error("event lost", call_id=call_id, kind=kind)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Events are made in here; what is left at the end is made first, within a bound."""
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell_on())
            try:
                yield
                async with asyncio.timeout(_PAUSE_S):
                    await self._told.join()
            except TimeoutError:
                self._log.error("events lost", events=self._told.qsize())
            finally:
                telling.cancel()

    async def _tell_on(self) -> None:
        while True:
            kind, call_id = await self._told.get()
            try:
                await self._make(kind, call_id)
            finally:
                self._told.task_done()

    async def _make(self, kind: str, call_id: CallId) -> None:
        for _ in range(2):
            try:
                await self._journal.flush(_SETTLED_S)
                async with self._database.read() as connection:
                    call = await calls.get(connection, call_id)
            except StoreError:
                await asyncio.sleep(_PAUSE_S)
                continue
            outgoing = self._tell(kind, facts_of(call)) if call is not None else None
            if outgoing is not None:
                self._journal.put(outgoing)
                self._written()
            return
        self._log.error("event lost", call_id=call_id, kind=kind)


def facts_of(call: Call) -> Facts:
    """What a record says."""
    return Facts(
        call_id=call.id,
        at=datetime.now(UTC),
        direction=Direction(call.direction),
        status=Status(call.status),
        call_sid=call.call_sid,
        caller=call.from_number,
        called=call.to_number,
        agent_id=call.agent_id,
        ending=call.ending,
        ended_by=call.ended_by,
        answered_by=call.answered_by,
        started_at=call.created_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        ring_ms=call.ring_ms,
        first_audio_ms=call.first_audio_ms,
        duration_ms=call.duration_ms,
        metadata=call.metadata or {},
        callback_url=call.callback_url or "",
    )
