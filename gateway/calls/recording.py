"""Recordings of calls: both sides as the caller had them, written while the call goes on.

The audio path only appends to lists. Twice a second what is settled of each call goes to one thread, which
writes for all of them. A disk that is full or too slow ends the recording, never the call.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, Self

from gateway import logs
from gateway.audio.stereo import Stereo
from gateway.calls.recording_file import (
    BYTES_PER_S,
    Reason,
    RecordingFile,
    RecordingResult,
    State,
    disk_used,
    prepare,
    recover,
    usable,
)
from gateway.calls.recording_writer import Page, Sheet, Writer, call_back
from gateway.errors import SettingsError

FLUSH_S: Final = 0.5
LATE_S: Final = 5.0
"""What may wait for the disk, of one recording."""
BACKLOG_S: Final = 1000.0
"""What may wait for the disk, of all: 16 MB."""
CLOSE_S: Final = 5.0
"""How long the end of a recording may take."""
NEARLY_FULL: Final = 0.85
"""Of the disk, from which on somebody should look after it."""
_LOOK_EVERY_S: Final = 30.0

Clock = Callable[[], float]
Create = Callable[[Path, str], Sheet]


class Recorder:
    """Records the calls of one process into one folder."""

    def __init__(
        self,
        directory: Path,
        *,
        tell: Callable[[RecordingResult], None] = lambda _: None,
        clock: Clock = time.monotonic,
        create: Create = RecordingFile.create,
        close_s: float = CLOSE_S,
    ) -> None:
        """``tell`` is given every recording that was begun and is over, and those found at the start.

        ``clock`` is that of the calls.
        """
        self._directory = directory
        self._tell = tell
        self._clock = clock
        self._create = create
        self._close_s = close_s
        self._writer = Writer()
        self._live: set[Recording] = set()
        self._log = logs.get()
        self.disk_used = 0.0  # of the whole disk, as it was within the last half minute

    @property
    def live(self) -> int:
        """Recordings that have begun and are not over."""
        return len(self._live)

    @property
    def backlog_s(self) -> float:
        """Sound of all recordings that waits for the disk."""
        return self._writer.backlog / BYTES_PER_S

    def open(self, call_id: str) -> "Recording":
        """Give a call its recording, which writes nothing before it is told to begin. Never raises."""
        return Recording(call_id, self)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Write while the block runs, after finishing what a killed process left; end all at its end.

        Raises:
            SettingsError: the folder can't be made or written to.
        """
        try:
            prepare(self._directory)
        except OSError as error:
            raise SettingsError(f"recordings can't be kept in {self._directory}: {error.strerror}") from error
        loop = asyncio.get_running_loop()
        self._writer.start()
        self._writer.put(partial(self._recover, loop))
        try:
            async with asyncio.TaskGroup() as group:
                flushing = group.create_task(self._flush())
                try:
                    yield self
                finally:
                    flushing.cancel()
        finally:
            now = self._clock()
            await asyncio.gather(*(recording.close(now) for recording in list(self._live)))
            await self._writer.stop(self._close_s)

    async def _flush(self) -> None:
        look_at = 0.0
        while True:
            if look_at <= (now := time.monotonic()):
                look_at = now + _LOOK_EVERY_S
                self._writer.put(self._look)
            await asyncio.sleep(FLUSH_S)
            for recording in list(self._live):
                recording.flush(self._clock())
                await asyncio.sleep(0)  # audio goes first: one recording at a time

    def _look(self) -> None:
        """See how full the disk is: in the writer's thread, for a disk may hang."""
        before, self.disk_used = self.disk_used, disk_used(self._directory)
        if self.disk_used >= NEARLY_FULL > before:
            self._log.warning("the disk of recordings is nearly full", used=round(self.disk_used, 3))

    def _recover(self, loop: asyncio.AbstractEventLoop) -> None:
        for result in recover(self._directory):
            call_back(loop, partial(self._tell, result))

    def begin(self, recording: "Recording", call_id: str) -> Page:
        """Have a recording written from now on."""
        create = partial(self._create, self._directory, call_id)
        page = Page(self._writer, create, partial(self._over, recording))
        self._live.add(recording)
        if not usable(call_id):
            page.refuse(Reason.BAD_NAME)
        elif self.backlog_s > BACKLOG_S:
            page.refuse(Reason.DISK_SLOW)
        else:
            page.open()
        return page

    @property
    def close_s(self) -> float:
        """How long the end of a recording may take."""
        return self._close_s

    def _over(self, recording: "Recording", result: RecordingResult) -> None:
        self._live.discard(recording)
        self._tell(result)


class Recording:
    """The recording of one call. Nothing here waits but ``close``, and nothing raises."""

    def __init__(self, call_id: str, recorder: Recorder) -> None:
        self._call_id = call_id
        self._recorder = recorder
        self._stereo: Stereo | None = Stereo()  # none once nothing more is recorded
        self._page: Page | None = None

    def begin(self, now: float) -> None:
        """Record from here on; the second time changes nothing."""
        if self._page is None and self._stereo is not None:
            self._stereo.begin(now)
            self._page = self._recorder.begin(self, self._call_id)
            if self._page.broken:
                self._stereo = None

    def caller(self, mulaw: bytes, now: float) -> None:
        """Take caller audio as it arrives."""
        if self._stereo is not None:
            self._stereo.caller(mulaw, now)

    def sent(self, mulaw: bytes, now: float) -> None:
        """Take agent audio as it is handed to Twilio; from the stream's start on, begun or not."""
        if self._stereo is not None:
            self._stereo.sent(mulaw, now)

    def cleared(self, now: float) -> None:
        """Twilio was told to drop what it had not played."""
        if self._stereo is not None:
            self._stereo.cleared(now)

    def flush(self, now: float) -> None:
        """Hand what is settled to the writer, or end the recording if that is of no use any more."""
        page, stereo = self._page, self._stereo
        if page is None or stereo is None:
            return
        if page.broken or page.late_s > LATE_S or self._recorder.backlog_s > BACKLOG_S:
            self._stereo = None
            page.end(Reason.DISK_SLOW)
        else:
            page.give(stereo.take(now))

    async def close(self, now: float) -> RecordingResult:
        """End the recording; wait, not for long, until it is in its file."""
        stereo, self._stereo = self._stereo, None
        page = self._page
        if page is None:
            return RecordingResult(None, 0.0, State.NONE, Reason.NOT_BEGUN)
        if stereo is not None:
            page.give(stereo.finish(now))
            page.end()
        return await page.result(self._recorder.close_s)
