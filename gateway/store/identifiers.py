"""Identifiers of our own records: a prefix and 26 letters that sort in the order they were made."""

import secrets
import threading
import time
from datetime import UTC, datetime
from typing import Final, NewType

CallId = NewType("CallId", str)
"""Our name of a call: ``call_...``."""

IntentId = NewType("IntentId", str)
"""Our name of the intent to dial somebody: ``dial_...``."""

KeyId = NewType("KeyId", str)
"""Our name of an API key, not the key itself: ``key_...``."""

MessageId = NewType("MessageId", str)
"""Our name of an outgoing webhook: ``msg_...``."""

StreamName = NewType("StreamName", str)
"""Our name of what one journal writes: ``journal_...``."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_LENGTH: Final = 26
_RANDOM_BITS: Final = 80


class _Clock:
    """Never the same twice, never backwards, even within a millisecond or when the clock is set back."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
            self._last = fresh if fresh >> _RANDOM_BITS > self._last >> _RANDOM_BITS else self._last + 1
            return self._last


_clock = _Clock()


def new_call() -> CallId:
    """Name a call."""
    return CallId(_new("call"))


def new_intent() -> IntentId:
    """Name an intent to dial."""
    return IntentId(_new("dial"))


def new_key() -> KeyId:
    """Name an API key."""
    return KeyId(_new("key"))


def new_message() -> MessageId:
    """Name an outgoing webhook."""
    return MessageId(_new("msg"))


def new_stream() -> StreamName:
    """Name what a journal writes."""
    return StreamName(_new("journal"))


def made_at(identifier: str) -> datetime | None:
    """When an identifier was made, to the millisecond; None if it is none of ours."""
    digits = identifier.rpartition("_")[2]
    if len(digits) != _LENGTH or any(digit not in _ALPHABET for digit in digits):
        return None
    number = 0
    for digit in digits:
        number = number << 5 | _ALPHABET.index(digit)
    try:
        return datetime.fromtimestamp((number >> _RANDOM_BITS) / 1000, UTC)
    except (OverflowError, ValueError):
        return None


def _new(prefix: str) -> str:
    number = _clock.next()
    digits = [_ALPHABET[number >> shift & 31] for shift in range((_LENGTH - 1) * 5, -1, -5)]
    return f"{prefix}_{''.join(digits)}"
