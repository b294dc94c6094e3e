"""A disk that fails under a recording: the call goes on as if nothing had happened; the record says why."""

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile

from gateway.calls import recording
from gateway.emulators.twilio.fixtures import NUMBER
from gateway.ids import E164, CallSid
from gateway.store import conversations, numbers
from gateway.store.numbers import Number
from tests.integration.gateway_audio import heard, on_the_line, speak, words
from tests.integration.gateway_rig import Conversation, Rig, anyio_backend, running_gateway, until
from tests.integration.test_records import kept, record

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
WRITE = soundfile.SoundFile.buffer_write


@asynccontextmanager
async def recorded(folder: Path) -> AsyncIterator[tuple[Rig, Conversation]]:
    """A call that is recorded."""
    async with running_gateway(settings=kept(folder), keep=True) as rig:
        keeping = rig.gateway.parts.keeping
        assert keeping is not None
        async with keeping.database.write() as connection:
            route = Number(number=E164(NUMBER), recording=True, recording_notice="Recorded.")
            await numbers.put(connection, route, datetime.now(UTC))
        await keeping.routes.refresh()
        yield rig, await rig.conversation()


async def what_was_written(rig: Rig, talk: Conversation) -> tuple[str, dict[str, Any], str | None]:
    """The state of the recording, what the event of it says, and its file."""
    keeping = rig.gateway.parts.keeping
    assert keeping is not None
    await record(rig, talk.call.sid)
    await until(lambda: not keeping.recorder.live, 10)
    assert await keeping.journal.flush(5)
    written = await record(rig, talk.call.sid)
    async with keeping.database.read() as connection:
        events = await conversations.events_of(connection, written.id)
    [data] = [event.data for event in events if event.kind == "recording_not_whole"]
    return str(written.recording_state), dict(data or {}), written.recording_path


def undisturbed(talk: Conversation, seconds: float) -> bool:
    """Whether the caller heard every sample, up to hanging up at the last word."""
    sound = heard(talk.line)
    return on_the_line(words(1, seconds)).startswith(sound) and len(sound) > (seconds - 0.2) * 8000


def failing(after: int, code: int) -> Callable[..., None]:
    """Writes as a disk that refuses everything after so many writes."""
    written = 0

    def write(sound: soundfile.SoundFile, data: object, dtype: str) -> None:
        nonlocal written
        written += 1
        if written > after:
            raise OSError(code, os.strerror(code))
        WRITE(sound, data, dtype)

    return write


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "disk_error"),
        (errno.EIO, "disk_error"),
    ],
)
async def test_a_disk_that_takes_no_more_costs_the_call_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    monkeypatch.setattr(soundfile.SoundFile, "buffer_write", failing(2, code))
    async with recorded(tmp_path) as (rig, talk):
        speak(talk.session, "one", words(1, 3.0))
        await talk.line.wait_heard(3.0)
        await talk.call.hang_up()
        state, data, path = await what_was_written(rig, talk)
        assert rig.metric("recordings_total", state="partial", reason=reason) == 1
    assert undisturbed(talk, 3.0)
    assert (state, data["state"], data["reason"]) == ("partial", "partial", reason)
    assert 0 < data["seconds"] < 3
    sound, _ = soundfile.read(tmp_path / "recordings" / str(path))
    assert len(sound) / 8000 == pytest.approx(data["seconds"], abs=0.1)


async def test_a_folder_that_became_read_only_costs_the_call_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refusing(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if str(path).endswith(".wav.part"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refusing)
    async with recorded(tmp_path) as (rig, talk):
        speak(talk.session, "one", words(1, 1.0))
        await talk.line.wait_heard(1.0)
        await talk.call.hang_up()
        state, data, path = await what_was_written(rig, talk)
        assert rig.metric("recordings_total", state="failed", reason="disk_error") == 1
    assert undisturbed(talk, 1.0)
    assert (state, data, path) == (
        "failed",
        {"state": "failed", "reason": "disk_error", "seconds": 0.0},
        None,
    )


async def test_a_disk_that_hangs_costs_the_call_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def hanging(sound: soundfile.SoundFile, data: object, dtype: str) -> None:
        go.wait(60)
        WRITE(sound, data, dtype)

    monkeypatch.setattr(soundfile.SoundFile, "buffer_write", hanging)
    monkeypatch.setattr(recording, "LATE_S", 1.0)
    try:
        async with recorded(tmp_path) as (rig, talk):
            speak(talk.session, "one", words(1, 4.0))
            await talk.line.wait_heard(4.0)
            go.set()
            await talk.call.hang_up()
            state, data, _ = await what_was_written(rig, talk)
        assert undisturbed(talk, 4.0)
        assert (state, data["reason"]) == ("partial", "disk_slow")
    finally:
        go.set()


async def test_a_disk_that_is_nearly_full_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(total=1000, used=860, free=140))
    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        await until(lambda: rig.metric("recordings_disk_used") == pytest.approx(0.86))
        assert [line["used"] for line in rig.log if "nearly full" in line["event"]] == [0.86]


async def test_what_a_lost_stream_had_yet_to_play_is_not_recorded_as_heard(tmp_path: Path) -> None:
    async with recorded(tmp_path) as (rig, talk):
        speak(talk.session, "one", words(1, 4.0))
        await talk.line.wait_heard(1.0)
        rig.gateway.registry.stream_failed(CallSid(talk.call.sid), "31921")
        await until(lambda: rig.metric("calls_parked_total", why="stream_lost") == 1)
        await asyncio.sleep(1.5)
        await talk.call.hang_up()
        written = await record(rig, talk.call.sid)
    sound, rate = soundfile.read(tmp_path / "recordings" / str(written.recording_path))
    spoken = numpy.flatnonzero(abs(sound[:, 1]) > 0.01)
    assert 0.5 < (spoken[-1] - spoken[0]) / rate < 1.5  # a second more was with Twilio
