"""The journal: records of live calls go to the database behind the back of the audio.

Where they are: in memory, and from there in the tables, within milliseconds. When the database is away or
slow they go to a file instead, which survives the process, and from the file to the tables, in order.

Two tasks: one writes to the tables, one keeps what waits too long on disk. They need not agree: an entry
that goes both ways is known by its number when it comes the second time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway import logs
from gateway.store import delivery
from gateway.store.database import Database
from gateway.store.errors import StoreError, StoreUnavailable
from gateway.store.identifiers import StreamName, new_stream
from gateway.store.queue import Bounds, Queue
from gateway.store.records import AnyRecord
from gateway.store.spill import Spill

_BATCH: Final = 200
_BATCH_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """What the journal may take, and how long it waits."""

    memory: Bounds = field(default_factory=Bounds)
    disk_bytes: int = 1024 * 1024 * 1024
    deadline_s: float = 2.0  # for a batch; a slower database is one that is away
    gather_s: float = 0.5  # entries wait so long for others: a transaction each would cost dear
    patience_s: float = 0.8  # what has waited in memory for so long goes to disk
    first_retry_s: float = 0.1
    last_retry_s: float = 5.0
    close_s: float = 5.0


@dataclass(slots=True)
class Counts:
    """What became of entries; an entry is what was put at once."""

    written: int = 0
    spilled: int = 0  # went to disk first
    lost: int = 0  # there was no room, or it could not be written down at all
    refused: int = 0  # the database can't hold it


class Journal:
    """Takes records at any time, and writes them when it can. One for each process."""

    def __init__(self, database: Database, folder: Path, limits: JournalLimits | None = None) -> None:
        self._database = database
        self._limits = limits or JournalLimits()
        self._stream: StreamName = new_stream()
        self._queue = Queue(self._limits.memory)
        self._spill = Spill(folder, self._stream, self._limits.disk_bytes)
        self._work = asyncio.Event()
        self._arrived = asyncio.Event()
        self._closing = asyncio.Event()
        self._settled = asyncio.Event()
        self._urgent = asyncio.Event()
        self._retry_s = 0.0
        self._log = logs.get()
        self.counts = Counts()

    def put(self, *records: AnyRecord) -> bool:
        """Take records to be written together, after all before them. Never waits, never raises.

        Returns:
            Whether they were taken; if not they are lost, and counted.
        """
        taken = self._queue.put(records)
        if taken:
            self._wake()
        else:
            self.counts.lost += 1
        return taken

    @property
    def behind(self) -> bool:
        """Whether the database is away or slow, so that entries wait on disk."""
        return not self._spill.empty or self._retry_s > 0

    @property
    def waiting(self) -> int:
        """Entries in memory."""
        return len(self._queue)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write in here. Leaving it waits for what is left, up to a deadline, and keeps the rest on disk.

        Raises:
            OSError: the folder can't be used.
        """
        await asyncio.to_thread(self._spill.open)
        self._wake()
        flushed = False
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._write()), group.create_task(self._keep())]
                try:
                    yield
                    flushed = await self.flush(self._limits.close_s)
                finally:
                    # Not cancelled: what is on its way to the database is bounded by its deadline.
                    self._closing.set()
                    self._wake()
                    await asyncio.wait(tasks)
        finally:
            await self._close(flushed)

    async def flush(self, deadline_s: float) -> bool:
        """Wait until everything put so far, and all on disk, is in the tables. False if it takes too long."""
        self._wake()
        self._urgent.set()
        try:
            async with asyncio.timeout(deadline_s):
                await self._settled.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._settled.clear()
        self._work.set()
        self._arrived.set()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when it is time to leave."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    # To the tables

    async def _write(self) -> None:
        while not self._closing.is_set():
            await self._work.wait()
            await self._gather()
            self._work.clear()
            try:
                await self._drain()
            except (StoreUnavailable, OSError) as error:
                self._away(error)
                await self._pause(self._retry_s)
                self._work.set()

    async def _gather(self) -> None:
        """Let more entries come, unless somebody waits for those that are there."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.gather_s):
                await self._urgent.wait()

    async def _drain(self) -> None:
        while self._queue or not self._spill.empty:
            if self._closing.is_set():
                return
            if self._spill.empty:
                lines = self._queue.peek(_BATCH, _BATCH_BYTES)
                through = self._queue.first + len(lines) - 1
                await self._deliver(self._stream, lines)
                self._queue.forget(through)
            else:
                await self._drain_disk()
            self._retry_s = 0.0
        self._settled.set()
        self._urgent.clear()

    async def _drain_disk(self) -> None:
        chunk = await asyncio.to_thread(self._spill.peek, _BATCH, _BATCH_BYTES)
        await self._deliver(chunk.stream, chunk.lines)
        over = await asyncio.to_thread(self._spill.forget, chunk)
        if over is not None:
            await delivery.close(self._database, over, self._limits.deadline_s)

    async def _deliver(self, stream: StreamName, lines: list[bytes]) -> None:
        outcome = await delivery.deliver(self._database, stream, lines, self._limits.deadline_s)
        self.counts.written += outcome.written
        self.counts.refused += len(outcome.problems)
        for problem in outcome.problems:
            self._log.error("record refused", detail=problem)

    def _away(self, error: Exception) -> None:
        if not self._retry_s:
            self._log.warning("database away", detail=str(error))
        first, last = self._limits.first_retry_s, self._limits.last_retry_s
        self._retry_s = min(self._retry_s * 2, last) if self._retry_s else first

    # To the disk

    async def _keep(self) -> None:
        while not self._closing.is_set():
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue and not self._closing.is_set():
                oldest = self._queue.first
                if self._spill.empty:
                    await self._pause(self._limits.patience_s)
                    if self._queue.first != oldest:
                        continue
                if not await self._to_disk():
                    await self._pause(self._limits.patience_s)

    async def _to_disk(self) -> bool:
        """Move what is in memory to disk; False if there is no room: it stays where it is."""
        try:
            while self._queue:
                lines = self._queue.peek(_BATCH, _BATCH_BYTES)
                through = self._queue.first + len(lines) - 1
                if sum(len(line) + 1 for line in lines) > await asyncio.to_thread(self._spill.room):
                    return False
                await asyncio.to_thread(self._spill.append, lines)
                self.counts.spilled += self._queue.forget(through)
        except OSError as error:
            self._log.error("disk refuses records", detail=type(error).__name__)
            return False
        return True

    async def _close(self, flushed: bool) -> None:
        await self._to_disk()
        if flushed:  # what went to disk beside the tables need not wait there for the next process
            with suppress(StoreError, OSError, TimeoutError):
                async with asyncio.timeout(self._limits.deadline_s):
                    while not self._spill.empty:
                        await self._drain_disk()
        if self._queue:
            self.counts.lost += len(self._queue)
            self._log.error("records lost", entries=len(self._queue))
        if self._spill.empty:
            with suppress(StoreError):
                await delivery.close(self._database, self._stream, self._limits.deadline_s)
        await asyncio.to_thread(self._spill.close)
