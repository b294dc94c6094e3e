"""What a bad network does to a call: delay, jitter and loss, the same for the same seed."""

import random
from dataclasses import dataclass

from gateway.emulators.twilio.line_audio import FRAME_BYTES, SILENCE


@dataclass(frozen=True, slots=True)
class Impairments:
    """How the way between caller and gateway ails, each way alike.

    Attributes:
        delay_ms: Constant delay of everything.
        jitter_ms: Up to so much more, at random; order is kept, as on a TCP connection.
        loss: Share of 20 ms frames lost, from 0 to 1: a caller's frame is not sent, an agent's is
            heard as silence.
        seed: Same seed, same ailments.

    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.loss <= 1.0:
            raise ValueError("loss is a share between 0 and 1")
        if self.delay_ms < 0 or self.jitter_ms < 0:
            raise ValueError("delay_ms and jitter_ms cannot be negative")


class Lane:
    """One direction of an impaired way."""

    def __init__(self, impairments: Impairments, direction: str) -> None:
        self._ailments = impairments
        # Repeatable ailments are the purpose; nothing here is secret.
        self._random = random.Random(f"{impairments.seed}:{direction}")  # noqa: S311
        self._last = 0.0

    def arrival(self, now: float) -> float:
        """When what sets out now arrives, in seconds; never before what set out earlier."""
        jitter = self._random.random() * self._ailments.jitter_ms
        self._last = max(self._last, now + (self._ailments.delay_ms + jitter) / 1000)
        return self._last

    def loses(self) -> bool:
        """Whether the next frame is lost."""
        return self._ailments.loss > 0 and self._random.random() < self._ailments.loss

    def thin(self, audio: bytes) -> bytes:
        """The audio with its lost 20 ms frames silenced."""
        if not self._ailments.loss:
            return audio
        frames = [audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES)]
        return b"".join(SILENCE * len(frame) if self.loses() else frame for frame in frames)
