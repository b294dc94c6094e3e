"""The caller's leg: when it opened, what is heard of it, and whether it has fallen silent."""

from collections import deque
from typing import Final

from gateway.audio.mulaw import BYTES_PER_MS, FRAME
from gateway.bridge.arrivals import Arrivals
from gateway.bridge.backlog import Backlog
from gateway.bridge.limits import Limits
from gateway.bridge.voice import Voice
from gateway.wire.media_stream import Media, Start

_PIECE: Final = 2 * FRAME
"""Of what was kept, to a message: sockets go on holding as much memory as their largest message took."""
_TAIL_S: Final = 0.5
"""Silence that is kept behind words: an agent needs some to know that they are over."""
_MOST_KEYS: Final = 64
_KEYS_A_SECOND: Final = 15.0
"""The shortest tone and pause that a telephone line carries make some ten keys a second."""
_THIN: Final = 0.4
"""A stream that brings less than this share of a line's audio is as good as one that brings none."""
_MOST_THIN: Final = 2
"""So often in a call another stream is had for that; then the way itself must be so narrow."""
_LATE_S: Final = 0.5
"""A look that comes so late is one of ours: what came meanwhile has not been read."""


class CallerLeg:
    """What the agent is to hear of the caller; before the agent is there, the newest of it is kept."""

    def __init__(self, limits: Limits) -> None:
        self._bound = limits.early_media_ms * BYTES_PER_MS
        self._warn_s = limits.media_warn_s
        self._suspect_s = limits.media_suspect_s
        self._thin_s = limits.media_thin_s
        self._gap_s = limits.media_gap_s
        self._early: deque[bytes] = deque()
        self._early_size = 0
        self._early_from = 0.0
        self._arrivals = Arrivals()
        self._backlog = Backlog(limits.late_media_ms)
        self._voice = Voice()
        self._heard_at = 0.0
        self._keys = float(_MOST_KEYS)
        self._key_at = 0.0
        self._suspected = False
        self._pauses = 0
        self._suspicions = 0
        self._counted = 0
        self._counted_from = 0.0
        self._thin = 0
        self._keys_dropped = 0
        self.opened_at: float | None = None
        self.check_at: float | None = None

    def open(self, start: Start, now: float) -> bool:
        """The stream begins; whether its audio is of the only kind Twilio documents."""
        self.opened_at = now if self.opened_at is None else self.opened_at  # it may come back in another one
        self._heard_at, self._suspected = now, False
        self._counted, self._counted_from = 0, now
        self.check_at = now + self._gap_s
        self._arrivals.begin()
        self._backlog.begin()
        return start.encoding == "audio/x-mulaw" and start.sample_rate == 8000

    def pass_on(self, media: Media, now: float) -> bytes:
        """What is to be heard now; nothing if the message came before or has to wait."""
        audio = self._take(media, now)
        return self._backlog.take(audio, now) if audio else b""

    def keep(self, media: Media, now: float) -> None:
        """Store a frame until the agent has joined, forgetting the oldest past the bound.

        Words are not forgotten for the silence behind them, of which only the beginning is stored.
        """
        self._backlog.begin()
        audio = self._take(media, now)
        if not self._early:
            self._early_from = now
        spoke_at = self._voice.at
        over = spoke_at is not None and self._early_from <= spoke_at < now - _TAIL_S
        if over or not audio:
            return
        self._early.append(audio)
        self._early_size += len(audio)
        while self._early_size > self._bound:
            self._early_size -= len(self._early.popleft())

    def kept(self) -> list[bytes]:
        """All that was kept, two frames at a time."""
        audio = b"".join(self._early)
        self._early.clear()
        self._early_size = 0
        return [audio[at : at + _PIECE] for at in range(0, len(audio), _PIECE)]

    def fresh(self, media: Media, now: float) -> None:
        """Note audio that nobody is there to hear."""
        self._backlog.begin()
        self._take(media, now)

    def _take(self, media: Media, now: float) -> bytes:
        if now - self._heard_at > self._warn_s:
            self._pauses += self.opened_at is not None
        self._heard_at = now
        if self._suspected:
            self._suspected, self._counted, self._counted_from = False, 0, now
        self._counted += len(media.payload)
        audio = self._arrivals.take(media)
        self._voice.hear(audio, now)
        return audio

    def press(self, now: float) -> bool:
        """Whether a key counts: no finger is as fast as a flood of them."""
        self._keys = min(_MOST_KEYS, self._keys + (now - self._key_at) * _KEYS_A_SECOND)
        self._key_at = now
        if self._keys < 1:
            self._keys_dropped += 1
            return False
        self._keys -= 1
        return True

    @property
    def voiced_at(self) -> float | None:
        """When the caller was last heard to speak, to a tenth of a second; ``None`` before the first word."""
        return self._voice.at

    @property
    def voiced_ms(self) -> float:
        """For how long the caller has spoken since the count was reset, to a tenth of a second."""
        return self._voice.ms

    def reset_voiced(self) -> None:
        """Count spoken time from zero."""
        self._voice.reset()

    @property
    def suspect_at(self) -> float | None:
        """When the stream may be found suspect; ``None`` if it is already, or is not open."""
        if self.opened_at is None or self._suspected:
            return None
        return min(self._heard_at + self._suspect_s, self._counted_from + self._thin_s)

    def suspect(self, now: float) -> bool:
        """Whether so little has come for so long that the stream may be dead; said once in a pause."""
        due = self.suspect_at
        if due is None or now < due:
            return False
        if now < self._heard_at + self._suspect_s and not self._is_thin(now, due):
            return False
        self._suspected = True
        self._suspicions += 1
        return True

    def _is_thin(self, now: float, due: float) -> bool:
        """Whether far less came than a line brings, from the last look until now."""
        counted, self._counted, self._counted_from = self._counted, 0, now
        if now - due > _LATE_S or self._thin >= _MOST_THIN:
            return False
        thin = counted < self._thin_s * 1000 * BYTES_PER_MS * _THIN
        self._thin += thin
        return thin

    def silent(self, now: float) -> bool:
        """Whether nothing came for too long. Asked when ``check_at`` has come, not with every frame."""
        if self.check_at is None or now < self.check_at:
            return False
        self.check_at = self._heard_at + self._gap_s
        return now >= self.check_at

    def open_s(self, now: float) -> float:
        """How long the stream has been open."""
        return 0.0 if self.opened_at is None else now - self.opened_at

    def counts(self) -> dict[str, int]:
        """What was counted, by name."""
        arrivals = self._arrivals
        return {
            "duplicate_media": arrivals.duplicates,
            "reordered_media": arrivals.reordered,
            "media_gaps": arrivals.gaps,
            "media_missing_ms": arrivals.missing_ms,
            "timestamp_jumps": arrivals.jumps,
            "odd_audio": arrivals.odd,
            "caller_audio_dropped_ms": self._backlog.dropped // BYTES_PER_MS,
            "media_pauses": self._pauses,
            "media_suspect": self._suspicions,
            "media_thin": self._thin,
            "keys_dropped": self._keys_dropped,
        }
