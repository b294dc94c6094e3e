"""What arrives of the caller's audio, as it arrives: what comes twice, what is missing, what is no mu-law.

Twilio numbers all messages of a stream (``sequenceNumber``), so a number that is left out need not be audio;
how much audio is missing is told by ``media.timestamp``, of which nothing but the differences is used.
"""

from typing import Final

from gateway.audio.mulaw import BYTES_PER_MS, FRAME, SILENCE
from gateway.wire.media_stream import Media, split

_REMEMBERED: Final = 64
"""Numbers of messages. Twilio has no reason to repeat one; what repeats it does so soon."""
_MOST_FILLED: Final = 5 * FRAME
"""A longer gap is no slip of the network: silence for all of it would only come late."""
_JUMP: Final = 10 * FRAME
"""Timestamps that go back further have begun anew."""
_SILENT_BYTE: Final = bytes([SILENCE])
_INSPECTED: Final = 50
"""The first second of a stream tells what it is made of."""


class Arrivals:
    """The audio of one stream in the order of its arrival, without repetitions and short gaps."""

    def __init__(self) -> None:
        self._recent = [0] * _REMEMBERED
        self._newest = 0
        self._due: int | None = None  # in bytes of the stream's own time
        self._inspected = 0
        self.duplicates = 0
        self.reordered = 0
        self.gaps = 0
        self.missing_ms = 0
        self.jumps = 0
        self.odd = 0

    def begin(self) -> None:
        """A stream begins, with numbers and a time of its own."""
        self._recent = [0] * _REMEMBERED
        self._newest = 0
        self._due = None

    def take(self, media: Media) -> bytes:
        """The audio of a message, behind silence for what little is missing; nothing if it came before."""
        sequence = media.sequence
        if media.messages > 1:
            earlier = range(sequence - media.messages + 1, sequence + 1)
            if any(self._recent[number % _REMEMBERED] == number for number in earlier):
                return b"".join([self.take(part) for part in split(media)])
            for number in earlier[:-1]:
                self._recent[number % _REMEMBERED] = number
        if sequence:
            place = sequence % _REMEMBERED
            if self._recent[place] == sequence:
                self.duplicates += 1
                return b""
            self._recent[place] = sequence
            if sequence > self._newest:
                self._newest = sequence
            elif sequence > self._newest - _REMEMBERED:
                self.reordered += 1
            else:  # numbered anew
                self._newest = sequence
        if self._inspected < _INSPECTED:
            self._inspect(media.payload)
        if not media.timestamp_ms:
            return media.payload
        at = media.timestamp_ms * BYTES_PER_MS
        if at == self._due:  # nearly always
            self._due = at + len(media.payload)
            return media.payload
        return self._fill(at, media.payload)

    def _fill(self, at: int, payload: bytes) -> bytes:
        """Put silence where audio is missing, so that the agent's time runs as the caller's does."""
        due = at if self._due is None else self._due
        missing = at - due
        filled = 0
        if missing >= FRAME:
            self.gaps += 1
            self.missing_ms += missing // BYTES_PER_MS
            filled = missing - missing % FRAME if missing <= _MOST_FILLED else 0
            due = at
        elif missing < -_JUMP:
            self.jumps += 1
            due = at
        self._due = due + len(payload)
        return _SILENT_BYTE * filled + payload if filled else payload

    def _inspect(self, payload: bytes) -> None:
        """Notice, once in a stream, audio that is a file or PCM: mu-law is hardly ever as loud as byte 0."""
        self._inspected += 1
        loudest = payload.count(0)
        if payload.startswith(b"RIFF") or (
            loudest * 5 > len(payload) and payload.count(0x80) * 20 < len(payload)
        ):
            self.odd, self._inspected = 1, _INSPECTED
