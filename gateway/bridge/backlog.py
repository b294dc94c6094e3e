"""Caller audio that comes late and all at once, after a stall of the network or of this process.

The agent is to hear what the caller says now. What comes late is passed on half as fast again as it was
spoken, and when too much of it waits, the oldest is dropped. Audio that is on time is not touched,
and it is on time as long as messages come as fast as they did at best.
"""

from math import inf
from typing import Final

from gateway.audio.mulaw import BYTES_PER_MS, FRAME

_TOLERATED_MS: Final = 100.0
"""The jitter of a network. What is not later than that goes straight on."""
_SPEED: Final = 1.5 * BYTES_PER_MS * 1000
"""Bytes a second at which a backlog is passed on."""
_AT_ONCE: Final = 10 * FRAME
"""What may be passed on in one go: messages that always come in lumps must not be held up by it."""
_LONGEST_S: Final = 2.0
"""A backlog is gone within a second. One that is not is how this network delivers: it is taken as it is."""
_FASTER_MS: Final = 5.0
"""A message so much earlier than the quickest: the audio itself runs faster than time, as in a test."""
_DRIFT_MS: Final = 0.02
"""A message. Clocks that run apart must not look like a stall; none does so by a millisecond a second."""


class Backlog:
    """What of the caller's audio is passed on now; all of it at once if none may wait."""

    def __init__(self, most_ms: int) -> None:
        self._most = most_ms * BYTES_PER_MS
        self._tolerated_ms = _TOLERATED_MS if most_ms else inf
        self._waiting = bytearray()
        self._spoken_ms = 0.0  # how much has arrived
        self._best_ms: float | None = None  # when the first byte arrived, by the quickest message so far
        self._credit = 0.0
        self._passed_at = 0.0
        self._since = 0.0
        self.dropped = 0

    def begin(self) -> None:
        """What comes next is on time, whatever there was before."""
        self._best_ms = None

    def take(self, audio: bytes, now: float) -> bytes:
        """Take what arrives; return what the agent is to hear now, which may be nothing."""
        since_ms = now * 1000.0 - self._spoken_ms
        self._spoken_ms += len(audio) / BYTES_PER_MS
        best_ms = self._best_ms
        if best_ms is None:
            best_ms = since_ms
        self._best_ms = min(since_ms, best_ms + _DRIFT_MS)
        if self._waiting:
            if now - self._since > _LONGEST_S:
                self._tolerated_ms = inf
                return self._all(audio, now)
            faster = since_ms < best_ms - _FASTER_MS
            return self._all(audio, now) if faster else self._paced(audio, now)
        if since_ms - best_ms > self._tolerated_ms:
            self._since = now
            return self._paced(audio, now)
        self._passed_at = now
        return audio

    def _all(self, audio: bytes, now: float) -> bytes:
        self._passed_at = now
        passed = bytes(self._waiting) + audio
        self._waiting.clear()
        return passed

    def _paced(self, audio: bytes, now: float) -> bytes:
        if len(audio) > self._most:  # no frame of a line, and nothing to pace
            return self._all(audio, now)
        self._credit = min(_AT_ONCE, self._credit + (now - self._passed_at) * _SPEED)
        self._passed_at = now
        waiting = self._waiting
        waiting += audio
        surplus = len(waiting) - self._most
        if surplus > 0:
            self.dropped += surplus
            del waiting[:surplus]
        size = min(int(self._credit), len(waiting))
        passed = bytes(waiting[:size])
        del waiting[:size]
        self._credit -= size
        return passed
