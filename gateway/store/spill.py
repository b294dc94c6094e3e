"""What the database could not take yet, on disk: one file a process, those of dead processes included."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from gateway.store.identifiers import StreamName
from gateway.store.spill_file import SUFFIX, SpillFile


@dataclass(frozen=True, slots=True)
class Chunk:
    """Entries to be delivered next, all of one stream."""

    stream: StreamName
    lines: list[bytes]


class Spill:
    """A folder of files. Those that dead processes left are read first, so that order is kept.

    Blocking: run it in a thread. All of it may raise OSError. A lock is needed because a thread runs on when
    the task that waits for it is cancelled.
    """

    def __init__(self, folder: Path, stream: StreamName, most_bytes: int) -> None:
        self._folder = folder
        self._stream = stream
        self._most_bytes = most_bytes
        self._lock = RLock()
        self._left: list[SpillFile] = []
        self._own: SpillFile | None = None
        self._closed = False

    def open(self) -> None:
        """Take over what other processes left, oldest first; names sort by time."""
        with self._lock:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in sorted(self._folder.glob(f"journal_*{SUFFIX}")):
                found = SpillFile.open(path)
                if found is not None:
                    self._left.append(found)
            self._drop_empty()

    @property
    def empty(self) -> bool:
        """Whether nothing waits on disk."""
        return not self._left and (self._own is None or self._own.empty)

    def room(self) -> int:
        """Bytes that may still be written."""
        with self._lock:
            return self._most_bytes - sum(file.size for file in self._files())

    def append(self, lines: Sequence[bytes]) -> None:
        """Write entries behind all others: all of them, or none."""
        with self._lock:
            if self._closed:
                raise OSError("closed")
            if self._own is None:
                path = self._folder / f"{self._stream}{SUFFIX}"
                self._own = SpillFile.open(path)
                if self._own is None:
                    raise OSError(f"{path.name} belongs to another process")
            self._own.append(lines)

    def peek(self, most: int, most_bytes: int) -> Chunk:
        """The next entries to be delivered."""
        with self._lock:
            first = self._files()[0]
            return Chunk(first.stream, first.peek(most, most_bytes))

    def forget(self, chunk: Chunk) -> StreamName | None:
        """A chunk is delivered. Says which stream of a dead process is over with it, if one is."""
        with self._lock:
            self._files()[0].forget(chunk.lines)
            return chunk.stream if self._drop_empty() else None

    def close(self) -> None:
        """Let go of all files; what waits in them is taken over by the next process."""
        with self._lock:
            for file in self._files():
                file.close()
            self._left, self._own, self._closed = [], None, True

    def _files(self) -> list[SpillFile]:
        return [*self._left, *([self._own] if self._own is not None else [])]

    def _drop_empty(self) -> bool:
        over = [file for file in self._left if file.empty]
        self._left = [file for file in self._left if not file.empty]
        for file in over:
            file.close()
        return bool(over)
