"""The caller's leg: when it opened, what is heard of it, and whether it has fallen silent."""

from collections import deque

from gateway.audio.mulaw import BYTES_PER_MS
from gateway.audio.transcode import CallerToAgent
from gateway.bridge.limits import Limits
from gateway.bridge.voice import Voice
from gateway.wire.media_stream import Media, Start


class CallerLeg:
    """Brings caller audio to the agent's rate; before the agent is there it keeps the newest of it."""

    def __init__(self, limits: Limits) -> None:
        self._bound = limits.early_media_ms * BYTES_PER_MS
        self._gap_s = limits.media_gap_s
        self._early: deque[bytes] = deque()
        self._early_size = 0
        self._filter = CallerToAgent()
        self._voice = Voice()
        self._sequence = 0
        self._heard_at = 0.0
        self.opened_at: float | None = None
        self.check_at: float | None = None
        self.duplicates = 0

    def open(self, start: Start, now: float) -> bool:
        """The stream begins; whether its audio is of the only kind Twilio documents."""
        self.opened_at = now if self.opened_at is None else self.opened_at  # it may come back in another one
        self._heard_at, self._sequence = now, 0
        self.check_at = now + self._gap_s
        return start.encoding == "audio/x-mulaw" and start.sample_rate == 8000

    def convert(self, media: Media, now: float) -> bytes:
        """PCM16 24 kHz of one frame; nothing if Twilio sent that frame twice."""
        return self._filter.feed(media.payload) if self.fresh(media, now) else b""

    def keep(self, media: Media, now: float) -> None:
        """Store a frame until the agent has joined, forgetting the oldest past the bound."""
        if not self.fresh(media, now) or not media.payload:
            return
        self._early.append(media.payload)
        self._early_size += len(media.payload)
        while self._early_size > self._bound:
            self._early_size -= len(self._early.popleft())

    def kept(self) -> bytes:
        """All that was kept, as PCM16 24 kHz."""
        audio = b"".join(self._early)
        self._early.clear()
        self._early_size = 0
        return self._filter.feed(audio)

    def fresh(self, media: Media, now: float) -> bool:
        """Note that audio came; whether it is not the last frame once more."""
        self._heard_at = now
        if media.sequence and media.sequence == self._sequence:
            self.duplicates += 1
            return False
        self._sequence = media.sequence
        self._voice.hear(media.payload, now)
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
        return {"duplicate_media": self.duplicates}
