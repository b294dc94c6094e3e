"""Recordings on a real disk: what is in the file, what a killed process leaves, what a bad disk does."""

import asyncio
import os
import resource
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import soundfile

from gateway.audio import mulaw
from gateway.calls.recording import BACKLOG_S, LATE_S, Recorder, Recording
from gateway.calls.recording_file import Reason, RecordingFile, RecordingResult, State, recover
from gateway.errors import SettingsError

pytestmark = pytest.mark.anyio

NAME = "CA" + "0" * 30 + "01"
BEGAN = 500.0
SPEECH = (
    bytes(range(1, 127)) * 500
)  # mu-law that survives a WAV file: 0x7F, the second zero, comes back as 0xFF
CHILD = """
import asyncio, sys
from pathlib import Path
from gateway.calls.recording import FLUSH_S, Recorder

async def main():
    async with Recorder(Path(sys.argv[1]), clock=lambda: 505.0).running() as recorder:
        recording = recorder.open(sys.argv[2])
        recording.begin(500.0)
        for number in range(250):
            now = 500.02 + number * 0.02
            recording.caller(bytes([number % 126 + 1]) * 160, now)
            recording.sent(bytes([number % 126 + 128]) * 160, now - 0.02)
        await asyncio.sleep(2 * FLUSH_S)
        recording.caller(bytes(160), 505.02)
        print("flushed", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def talk(recording: Recording, seconds: float, began: float = BEGAN) -> None:
    """The caller says the speech, and hears it backwards."""
    for number in range(round(seconds * 50)):
        frame = slice(number * 160 % 32_000, number * 160 % 32_000 + 160)
        recording.sent(SPEECH[::-1][frame], began + number * 0.02)
        recording.caller(SPEECH[frame], began + (number + 1) * 0.02)


def read(path: Path) -> tuple[bytes, bytes]:
    """Mu-law of both channels."""
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == mulaw.RATE
    return mulaw.encode(samples[:, 0].copy()), mulaw.encode(samples[:, 1].copy())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for is a file
            await asyncio.sleep(0.01)


class Disk:
    """A disk that stands still until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def create(self, directory: Path, name: str) -> RecordingFile:
        assert self.go.wait(60)
        return RecordingFile.create(directory, name)


async def test_a_recording_holds_both_sides_to_the_sample(tmp_path: Path) -> None:
    told: list[RecordingResult] = []
    async with Recorder(tmp_path / "calls", tell=told.append).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        talk(recording, 1.0)
        recording.flush(BEGAN + 1.0)
        recording.sent(SPEECH[:8000], BEGAN + 1.0)
        recording.cleared(BEGAN + 1.5)
        result = await recording.close(BEGAN + 2.0)
    path = tmp_path / "calls" / f"{NAME}.wav"
    assert told == [result] == [RecordingResult(path, 2.0, State.WHOLE)]
    said, heard = read(path)
    assert said == SPEECH[:8000] + b"\xff" * 8000
    assert heard == SPEECH[::-1][:8000] + SPEECH[:4000] + b"\xff" * 4000
    assert os.listdir(path.parent) == [path.name]


async def test_only_this_user_may_listen(tmp_path: Path) -> None:
    directory = tmp_path / "kept" / "calls"
    async with Recorder(directory).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        talk(recording, 0.2)
        result = await recording.close(BEGAN + 0.2)
    assert result.path is not None
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(result.path.stat().st_mode) == 0o600


async def test_a_recording_that_was_not_told_to_begin_leaves_no_file(tmp_path: Path) -> None:
    async with Recorder(tmp_path).running() as recorder:
        recording = recorder.open(NAME)
        talk(recording, 1.0)
        recording.flush(BEGAN + 1.0)
        assert await recording.close(BEGAN + 1.0) == RecordingResult(None, 0.0, State.NONE, Reason.NOT_BEGUN)
        recording.begin(BEGAN + 1.0)
        assert recorder.live == 0
    assert os.listdir(tmp_path) == []


async def test_the_loop_flushes_by_itself(tmp_path: Path) -> None:
    async with Recorder(tmp_path, clock=lambda: BEGAN + 3.0).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        talk(recording, 3.0)
        part = tmp_path / f"{NAME}.wav.part"
        await until(lambda: part.exists() and part.stat().st_size > 2 * mulaw.RATE * 3)
        assert soundfile.info(part).frames == 3 * mulaw.RATE
        await recording.close(BEGAN + 3.0)


async def test_a_killed_process_leaves_a_file_that_opens_and_is_finished_by_the_next(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, tmp_path, NAME, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"flushed\n"
    assert recover(tmp_path) == []  # it is being written
    child.kill()
    assert await child.wait() == -signal.SIGKILL
    part = tmp_path / f"{NAME}.wav.part"
    assert soundfile.info(part).frames == 5 * mulaw.RATE
    told: list[RecordingResult] = []
    async with Recorder(tmp_path, tell=told.append).running():
        pass
    path = tmp_path / f"{NAME}.wav"
    assert told == [RecordingResult(path, 5.0, State.PARTIAL, Reason.PROCESS_ENDED)]
    said, heard = read(path)
    assert said == b"".join(bytes([number % 126 + 1]) * 160 for number in range(250))
    assert heard == b"".join(bytes([number % 126 + 128]) * 160 for number in range(250))
    size = int.from_bytes(path.read_bytes()[54:58], "little")  # what players other than libsndfile go by
    assert size == path.stat().st_size - 58 == 5 * 2 * mulaw.RATE


@pytest.mark.parametrize(("free", "reason"), [(0, Reason.DISK_FULL), (1 << 30, Reason.DISK_ERROR)])
async def test_a_disk_that_takes_no_more_ends_the_recording_and_keeps_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, reason: Reason
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with Recorder(tmp_path).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        talk(recording, 1.0)
        recording.flush(BEGAN + 1.0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_001, before[1]))
        try:
            talk(recording, 1.0, BEGAN + 1.0)
            result = await recording.close(BEGAN + 2.0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (result.state, result.reason) == (State.PARTIAL, reason)
    assert result.path is not None
    said, _ = read(result.path)
    assert said[:8000] == SPEECH[:8000]
    assert result.seconds == 1.0


async def test_a_recording_whose_disk_failed_takes_audio_as_if_nothing_had_happened(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.wav").write_bytes(b"of an earlier call")
    told: list[RecordingResult] = []
    async with Recorder(tmp_path, tell=told.append).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        await until(lambda: not recorder.live)
        talk(recording, 1.0)
        result = await recording.close(BEGAN + 2.0)
    assert told == [result] == [RecordingResult(None, 0.0, State.FAILED, Reason.EXISTS)]
    assert (tmp_path / f"{NAME}.wav").read_bytes() == b"of an earlier call"


async def test_a_disk_that_stands_still_ends_the_recording_and_holds_nobody_up(tmp_path: Path) -> None:
    disk = Disk()
    async with Recorder(tmp_path, create=disk.create, close_s=0.05).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        for second in range(20):
            talk(recording, 1.0, BEGAN + second)
            recording.flush(BEGAN + second + 1.0)
        assert recorder.backlog_s == LATE_S + 1.0
        result = await recording.close(BEGAN + 20.0)
        assert result == RecordingResult(None, 0.0, State.FAILED, Reason.DISK_SLOW)
        assert recorder.live == 0
        disk.go.set()


async def test_a_disk_that_wakes_up_late_has_the_beginning(tmp_path: Path) -> None:
    disk = Disk()
    async with Recorder(tmp_path, create=disk.create).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        for second in range(20):
            talk(recording, 1.0, BEGAN + second)
            recording.flush(BEGAN + second + 1.0)
        disk.go.set()
        result = await recording.close(BEGAN + 20.0)
    assert (result.seconds, result.state, result.reason) == (6.0, State.PARTIAL, Reason.DISK_SLOW)
    assert result.path is not None
    assert len(read(result.path)[0]) == 6 * mulaw.RATE


async def test_what_waits_for_a_disk_that_stands_still_is_bounded(tmp_path: Path) -> None:
    disk = Disk()
    told: list[RecordingResult] = []
    recorder = Recorder(tmp_path, tell=told.append, create=disk.create, close_s=0.0)
    async with recorder.running():
        for call in range(260):
            recording = recorder.open(f"call-{call}")
            recording.begin(BEGAN)
            recording.sent(SPEECH, BEGAN)
            recording.flush(BEGAN + LATE_S + 2.0)
            await recording.close(BEGAN + LATE_S + 2.0)
        assert BACKLOG_S < recorder.backlog_s < BACKLOG_S + LATE_S + 2.0
        disk.go.set()
    assert {result.reason for result in told} == {Reason.DISK_SLOW}


@pytest.mark.parametrize("name", ["", ".", "../CA1", "a/b", "a\0b", "-x", "CA1.wav", "CA1\n", "x" * 81, "ä"])
async def test_a_name_that_is_none_is_no_path_either(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "calls"
    async with Recorder(directory).running() as recorder:
        recording = recorder.open(name)
        recording.begin(BEGAN)
        talk(recording, 0.1)
        assert recording._stereo is None  # nobody would ever take what it keeps
        result = await recording.close(BEGAN + 0.1)
    assert result == RecordingResult(None, 0.0, State.FAILED, Reason.BAD_NAME)
    assert os.listdir(directory) == []
    assert os.listdir(tmp_path) == ["calls"]


async def test_a_link_laid_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.wav.part").symlink_to(tmp_path / "elsewhere")
    async with Recorder(tmp_path).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        talk(recording, 0.1)
        assert (await recording.close(BEGAN + 0.1)).state is State.FAILED
    assert not (tmp_path / "elsewhere").exists()


async def test_recordings_that_nobody_closed_are_finished_when_the_process_ends(tmp_path: Path) -> None:
    told: list[RecordingResult] = []
    async with Recorder(tmp_path, tell=told.append, clock=lambda: BEGAN + 1.0).running() as recorder:
        recording = recorder.open(NAME)
        recording.begin(BEGAN)
        talk(recording, 1.0)
    assert told == [RecordingResult(tmp_path / f"{NAME}.wav", 1.0, State.WHOLE)]


async def test_a_folder_that_cannot_be_had_is_a_matter_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="recordings can't be kept"):
        async with Recorder(tmp_path / "file").running():
            pass


def open_files() -> list[str]:
    """What this process has open, as far as it can still be told."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile, by somebody else
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return found


def test_left_over_files_that_hold_no_sound_are_removed_and_others_kept(tmp_path: Path) -> None:
    (tmp_path / "empty.wav.part").touch()
    (tmp_path / "other.wav.part").write_bytes(b"no sound at all" * 100)
    (tmp_path / "both.wav.part").write_bytes(b"RIFF")
    (tmp_path / "both.wav").write_bytes(b"finished")
    (tmp_path / "link.wav.part").symlink_to(tmp_path / "both.wav")
    (tmp_path / "folder.wav.part").mkdir()
    os.mkfifo(tmp_path / "pipe.wav.part")
    (tmp_path / "notes.txt").touch()
    results = recover(tmp_path)
    assert {result.state for result in results} == {State.FAILED}
    assert len(results) == 6
    assert not [path for path in open_files() if path.startswith(str(tmp_path))]
    assert {path.name for path in tmp_path.iterdir()} == {
        "other.wav.part",
        "both.wav.part",
        "both.wav",
        "link.wav.part",
        "folder.wav.part",
        "pipe.wav.part",
        "notes.txt",
    }


def test_a_folder_that_is_not_there_holds_nothing_to_recover(tmp_path: Path) -> None:
    assert recover(tmp_path / "nowhere") == []
