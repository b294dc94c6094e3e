"""Files that are fetched: whole under their name, or not there."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

Target = Path | str | BinaryIO


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched: its size in bytes, and its media type."""

    size: int
    media_type: str


class Sink:
    """Where a file goes. At a path it appears when it is whole; a stream is written to as it comes.

    Raises:
        OSError: it can't be written.
    """

    def __init__(self, target: Target) -> None:
        self.size = 0
        self._path = Path(target) if isinstance(target, str | Path) else None
        # Beside its place, so that the last step is a change of name.
        self._part = self._path.with_name(f"{self._path.name}.part") if self._path else None
        self._stream: BinaryIO = self._part.open("wb") if self._part else target  # type: ignore[assignment]  # the rest of Target

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._path is None or self._part is None:
            self._stream.flush()
            return
        self._stream.close()
        if kind is None:
            os.replace(self._part, self._path)
        else:
            self._part.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take the next piece."""
        self._stream.write(chunk)
        self.size += len(chunk)
