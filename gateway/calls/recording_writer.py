"""The thread that writes recordings, and what goes between it and the event loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

from gateway.calls.recording_file import BYTES_PER_S, Reason, RecordingResult, State, Trouble


class Sheet(Protocol):
    """What a recording is written on: a ``RecordingFile``."""

    @property
    def seconds(self) -> float:
        """How much has been written."""

    def write(self, stereo: bytes) -> None:
        """Append; raises ``Trouble``."""

    def finish(self) -> Path | None:
        """Close; raises ``Trouble``."""


class Page:
    """One recording, between the loop and the writer's thread; the methods below the line are its."""

    def __init__(
        self, writer: "Writer", create: Callable[[], Sheet], tell: Callable[[RecordingResult], None]
    ) -> None:
        """``tell`` is given the result, once, in the loop."""
        self._loop = asyncio.get_running_loop()
        self._writer = writer
        self._create = create
        self._tell = tell
        self._sheet: Sheet | None = None
        self._given = 0
        self._taken = 0
        self._reason: Reason | None = None
        self._over: asyncio.Future[RecordingResult] = self._loop.create_future()

    @property
    def broken(self) -> bool:
        """Whether the disk refused something; nothing more is written."""
        return self._reason is not None

    @property
    def late_s(self) -> float:
        """Sound that waits for the disk."""
        return (self._given - self._taken) / BYTES_PER_S

    def refuse(self, reason: Reason) -> None:
        """Write nothing at all."""
        self._reason = reason
        self._settle(RecordingResult(None, 0.0, State.FAILED, reason))

    def open(self) -> None:
        """Have the file created."""
        self._writer.put(self._open)

    def give(self, stereo: bytes) -> None:
        """Have interleaved mu-law appended."""
        if stereo and not self._over.done():
            self._given += len(stereo)
            self._writer.put(partial(self._write, stereo), len(stereo))

    def end(self, reason: Reason | None = None) -> None:
        """Have the file closed; a reason says why it is not whole."""
        if not self._over.done():
            self._writer.put(partial(self._finish, reason))

    async def result(self, within_s: float) -> RecordingResult:
        """Wait for the end; what the disk has not done by then does not count."""
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(self._over)
        except TimeoutError:
            return self._settle(self._result(None, Reason.DISK_SLOW))

    def _settle(self, result: RecordingResult) -> RecordingResult:
        """The first result stands."""
        if not self._over.done():
            self._over.set_result(result)
            self._tell(result)
        return self._over.result()

    def _result(self, path: Path | None, reason: Reason | None) -> RecordingResult:
        seconds = self._sheet.seconds if self._sheet is not None else 0.0
        if not seconds:
            return RecordingResult(None, 0.0, State.FAILED if reason else State.NONE, reason)
        return RecordingResult(path, seconds, State.PARTIAL if reason else State.WHOLE, reason)

    # ----- in the writer's thread

    def _open(self) -> None:
        try:
            self._sheet = self._create()
        except Trouble as trouble:
            self._reason = trouble.reason

    def _write(self, stereo: bytes) -> None:
        if self._sheet is not None and self._reason is None:
            try:
                self._sheet.write(stereo)
            except Trouble as trouble:
                self._reason = trouble.reason
        self._taken += len(stereo)

    def _finish(self, reason: Reason | None) -> None:
        path = None
        if self._sheet is not None:
            try:
                path = self._sheet.finish()
            except Trouble as trouble:
                self._reason = self._reason or trouble.reason
        call_back(self._loop, partial(self._settle, self._result(path, self._reason or reason)))


class Writer:
    """One thread that does what blocks, in order; a daemon: a disk that hangs keeps no process alive."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Callable[[], None], int] | None] = SimpleQueue()
        self._given = 0
        self._done = 0

    @property
    def backlog(self) -> int:
        """Bytes that wait."""
        return self._given - self._done

    def start(self) -> None:
        """Begin to work."""
        Thread(target=self._work, name="recordings", daemon=True).start()

    def put(self, job: Callable[[], None], size: int = 0) -> None:
        """Queue a job. What may be queued is bounded by those who ask: by ``late_s`` and ``backlog``."""
        self._given += size
        self._jobs.put((job, size))

    async def stop(self, within_s: float) -> None:
        """End the thread when it has done everything, if that does not take too long."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        self.put(partial(call_back, loop, ended.set))
        self._jobs.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await ended.wait()

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, size = item
            job()
            self._done += size


def call_back(loop: asyncio.AbstractEventLoop, back: Callable[[], object]) -> None:
    """Have the loop call back; it may be gone by now if the disk took long."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(back)
