"""Cursors: the place in a list where the next page begins. Callers hand them back as they got them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.store.errors import CursorRefused

_LONGEST: Final = 120
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page."""

    at: datetime
    id: str

    def encode(self) -> str:
        """Text of letters, digits, ``-`` and ``_``."""
        plain = f"{(self.at - _EPOCH) // _MICROSECOND}.{self.id}"
        return urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def decode(value: str) -> Cursor:
    """Read a cursor.

    Raises:
        CursorRefused: it is none of ours.
    """
    if len(value) > _LONGEST:
        raise CursorRefused
    try:
        raw = urlsafe_b64decode(value.encode("ascii") + b"=" * (-len(value) % 4))
        micros, _, identifier = raw.decode("ascii").partition(".")
        cursor = Cursor(_EPOCH + int(micros) * _MICROSECOND, identifier)
    except (ValueError, OverflowError):
        raise CursorRefused from None
    # What was lenient in reading shows here: a cursor has one form only.
    if cursor.encode() != value or not identifier.isprintable() or not identifier:
        raise CursorRefused
    return cursor
