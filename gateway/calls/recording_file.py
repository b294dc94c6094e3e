"""The file of a recording: a stereo WAV file of mu-law that grows with its call. All of this blocks.

The header of a WAV file says how long its sound is only once it is closed. libsndfile, and so ``soundfile``,
reads a file whose header says nothing to its end. Sound goes straight to the operating system: what has been
written survives the end of the process, if not that of the machine.
"""

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import soundfile

from gateway.audio import mulaw
from gateway.errors import Fault, GatewayError

BYTES_PER_S: Final = 2 * mulaw.RATE
"""Of stereo mu-law, which is what a file takes a second."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_PART: Final = ".wav.part"
_LITTLE: Final = 1 << 20
"""A disk with less room than this is full."""


class State(StrEnum):
    """How much of a call a recording holds, from its beginning on."""

    NONE = "none"
    WHOLE = "whole"
    PARTIAL = "partial"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a recording is not whole."""

    NOT_BEGUN = "not_begun"
    BAD_NAME = "bad_name"
    EXISTS = "exists"
    DISK_FULL = "disk_full"
    DISK_SLOW = "disk_slow"
    DISK_ERROR = "disk_error"
    PROCESS_ENDED = "process_ended"


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What became of a recording. ``path`` is the finished file, if there is one."""

    path: Path | None
    seconds: float
    state: State
    reason: Reason | None = None


class Trouble(GatewayError):
    """A recording can't be written; ``reason`` says why."""

    fault = Fault.OPERATOR
    remedy = "Look after the room and the speed of the disk that RECORDINGS_DIR is on."

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def usable(name: str) -> bool:
    """Whether a call's identifier may name a file: letters, digits, ``-`` and ``_`` only."""
    return _NAME.fullmatch(name) is not None


class RecordingFile:
    """A recording that is being written; its name ends in ``.part`` until it is finished.

    It is locked while it is open, so that another process does not take it for one left behind.
    """

    def __init__(self, part: Path, sound: soundfile.SoundFile) -> None:
        self._part = part
        self._sound = sound
        self._written = 0

    @classmethod
    def create(cls, directory: Path, name: str) -> Self:
        """Create the file, for this user alone.

        Raises:
            Trouble: it exists, or the disk does not take it.
        """
        part = directory / f"{name}{_PART}"
        with _told(directory):
            if _finished(part).exists():
                raise Trouble(Reason.EXISTS)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(part, flags, 0o600)
            _lock(part, descriptor)
            return cls(part, _sound(descriptor, "w"))

    @property
    def seconds(self) -> float:
        """How much sound has been written."""
        return self._written / BYTES_PER_S

    def write(self, stereo: bytes) -> None:
        """Append interleaved mu-law, left sample first.

        Raises:
            Trouble: the disk did not take it; what was written before is safe.
        """
        with _told(self._part.parent):
            self._sound.buffer_write(mulaw.decode(stereo).data, "int16")
            self._written += len(stereo)

    def finish(self) -> Path | None:
        """Close the file and give it its name; a file without sound is removed, and is None.

        Raises:
            Trouble: the disk did not take the header or the name; ``recover`` may yet find the sound.
        """
        with _told(self._part.parent):
            self._sound.close()
            return _settle(self._part, self._written)


def prepare(directory: Path) -> None:
    """Make the folder, for this user alone, unless it is there.

    Raises:
        OSError: it can't be made, is no folder, or can't be written to.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(directory))


def disk_used(directory: Path) -> float:
    """How much of the disk is used, from 0 to 1; 0 if it can't be told."""
    try:
        usage = shutil.disk_usage(directory)
    except OSError:
        return 0.0
    return 1.0 - usage.free / usage.total if usage.total else 0.0


def recover(directory: Path) -> list[RecordingResult]:
    """Finish what processes that were killed left behind; what another process is writing is left alone.

    A file that can't be read keeps its name, and counts as failed. Never raises.
    """
    try:
        parts = sorted(path for path in directory.iterdir() if path.name.endswith(_PART))
    except OSError:
        return []
    return [result for part in parts if (result := _recover(part)) is not None]


def _recover(part: Path) -> RecordingResult | None:
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return RecordingResult(None, 0.0, State.FAILED, Reason.DISK_ERROR)
    try:
        _lock(part, descriptor)
    except OSError:  # somebody is writing it, or has just finished it
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or _finished(part).exists():
        os.close(descriptor)
        return RecordingResult(None, 0.0, State.FAILED, Reason.EXISTS)
    try:
        with _told(part.parent):
            frames = _repair(descriptor) if status.st_size else _dispose(descriptor)
            path = _settle(part, frames)
    except Trouble as trouble:
        return RecordingResult(None, 0.0, State.FAILED, trouble.reason)
    state = State.PARTIAL if path else State.FAILED
    return RecordingResult(path, frames / mulaw.RATE, state, Reason.PROCESS_ENDED)


def _repair(descriptor: int) -> int:
    """Have libsndfile write the header anew, which it does for a file open both ways; return the length."""
    with _sound(descriptor, "r+") as sound:
        return int(sound.frames)


def _dispose(descriptor: int) -> int:
    os.close(descriptor)
    return 0


def _lock(part: Path, descriptor: int) -> None:
    """Take the file for this process; the descriptor is closed if that fails."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it may have renamed or removed it meanwhile.
        if os.stat(part).st_ino != os.fstat(descriptor).st_ino:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(part))
    except OSError:
        os.close(descriptor)
        raise


def _sound(descriptor: int, mode: str) -> soundfile.SoundFile:
    """Open a descriptor. libsndfile closes it with the file, and at once if it can't be opened."""
    form = (
        {"samplerate": mulaw.RATE, "channels": 2, "format": "WAV", "subtype": "ULAW"} if mode == "w" else {}
    )
    return soundfile.SoundFile(descriptor, mode, closefd=True, **form)


def _settle(part: Path, size: int) -> Path | None:
    if not size:
        part.unlink()
        return None
    return part.rename(_finished(part))


def _finished(part: Path) -> Path:
    return part.with_name(part.name.removesuffix(".part"))


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    """Say in our words what went wrong. libsndfile keeps the system's own word to itself."""
    try:
        yield
    except Trouble:
        raise
    except FileExistsError as error:
        raise Trouble(Reason.EXISTS) from error
    # soundfile asserts that everything was written.
    except (OSError, soundfile.SoundFileError, AssertionError) as error:
        raise Trouble(_why(error, directory)) from error


def _why(error: Exception, directory: Path) -> Reason:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Reason.DISK_FULL
    try:
        return Reason.DISK_FULL if shutil.disk_usage(directory).free < _LITTLE else Reason.DISK_ERROR
    except OSError:
        return Reason.DISK_ERROR
