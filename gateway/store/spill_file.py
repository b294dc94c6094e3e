"""A file of journal entries: appended to, read from its beginning, gone when all of it is delivered."""

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from gateway.store.identifiers import StreamName

SUFFIX = ".jsonl"


class SpillFile:
    """The entries of one stream, a line each. It is locked: one process at a time has it.

    A process that was killed may have left half a line at the end; that half was never promised to be kept,
    and is cut off when the file is opened.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.stream = StreamName(path.stem)
        self._descriptor = descriptor
        self._read_at = 0
        self._size = _whole(descriptor)
        os.ftruncate(descriptor, self._size)

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Open or create a file; None if another process has it.

        Raises:
            OSError: it can't be opened.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock may have removed the file meanwhile: then this one has no name.
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return cls(path, descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    @property
    def empty(self) -> bool:
        """Whether everything in it has been read and forgotten."""
        return self._read_at >= self._size

    def append(self, lines: Sequence[bytes]) -> None:
        """Write entries to the end and to the disk: all of them, or none.

        Raises:
            OSError: the disk is full or broken; the file is as it was.
        """
        block = memoryview(b"".join(line + b"\n" for line in lines))
        length = len(block)
        try:
            at = self._size
            while block:
                written = os.pwrite(self._descriptor, block, at)
                block, at = block[written:], at + written
            os.fsync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += length

    def peek(self, most: int, most_bytes: int) -> list[bytes]:
        """The next entries; they stay until they are forgotten. One at least, however long it is.

        Raises:
            OSError: the disk can't be read.
        """
        lines: list[bytes] = []
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(self._read_at)
            left = min(most_bytes, self._size - self._read_at)
            while left > 0 and len(lines) < most:
                line = file.readline(self._size - file.tell())
                left -= len(line)
                lines.append(line.removesuffix(b"\n"))
        return lines

    def forget(self, lines: Sequence[bytes]) -> None:
        """The entries read last are delivered.

        Raises:
            OSError: the disk is broken.
        """
        self._read_at += sum(len(line) + 1 for line in lines)
        if self.empty:
            os.ftruncate(self._descriptor, 0)
            self._read_at = self._size = 0

    def close(self) -> None:
        """Let go of the file; one that is empty is removed."""
        if self.empty:
            with suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)


def _whole(descriptor: int) -> int:
    """The length up to the end of the last whole line."""
    size = os.fstat(descriptor).st_size
    step = 64 * 1024
    for end in range(size, 0, -step):
        begin = max(0, end - step)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
    return 0
