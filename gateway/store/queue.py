"""What waits in memory to be written: bounded in number and in bytes, and ``put`` never waits."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from gateway.store import tidy
from gateway.store.delivery import Entry
from gateway.store.records import AnyRecord, Record

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait in memory, and how long one entry may be."""

    entries: int = 20_000
    bytes: int = 64 * 1024 * 1024
    entry_bytes: int = 1024 * 1024


class Queue:
    """Entries as the bytes they become: what is put in can't change any more, and its size is known."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._number = 0

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, records: Sequence[AnyRecord]) -> bool:
        """Take records that belong together; False if there is no room or they can't be written at all."""
        line = self._line(records)
        full = len(self._lines) >= self._bounds.entries or self._bytes + len(line) > self._bounds.bytes
        if not line or len(line) > self._bounds.entry_bytes or full:
            return False
        self._number += 1
        self._lines.append(line)
        self._bytes += len(line)
        return True

    def peek(self, most: int, most_bytes: int) -> list[bytes]:
        """The oldest entries; they stay until they are forgotten. One at least."""
        lines: list[bytes] = []
        for line in self._lines:
            if lines and (len(lines) >= most or most_bytes < len(line)):
                break
            lines.append(line)
            most_bytes -= len(line)
        return lines

    @property
    def first(self) -> int:
        """The number of the oldest entry, or of the next one to come."""
        return self._number - len(self._lines) + 1

    def forget(self, through: int) -> int:
        """Entries up to this number are safe elsewhere; those that were forgotten before don't matter."""
        count = max(0, through - self.first + 1)
        for _ in range(count):
            self._bytes -= len(self._lines.popleft())
        return count

    def _line(self, records: Sequence[AnyRecord]) -> bytes:
        number = self._number + 1
        try:
            line = _encoder.encode(Entry(number, list(records)))
            if len(line) <= self._bounds.entry_bytes:
                return line
        except (TypeError, ValueError, OverflowError, RecursionError):
            pass  # half a character, or what is no JSON
        try:
            return _encoder.encode(Entry(number, [_tidied(record) for record in records]))
        except (TypeError, ValueError, OverflowError, RecursionError):
            return b""


def _tidied(record: AnyRecord) -> AnyRecord:
    changes: dict[str, object] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, str):
            changes[name] = tidy.text(value)
        elif isinstance(value, dict):
            changes[name] = tidy.document(value)
    tidied: Record = msgspec.structs.replace(record, **changes)
    return tidied  # type: ignore[return-value]  # replace keeps the class, which its types do not say
