"""How the emulated agent hears and speaks: speech by energy, playing by the clock. Pure: time is told."""

import math
from dataclasses import dataclass

import numpy as np

from gateway.emulators.voice import SAMPLE_RATE

FRAME = SAMPLE_RATE // 50
FRAME_BYTES = 2 * FRAME
FRAME_MS = 20


@dataclass(frozen=True, slots=True)
class Listening:
    """What counts as speech.

    Attributes:
        threshold_dbfs: A frame of 20 ms whose RMS is above is voiced, in dB of full scale.
        onset_ms: Voiced time in a row that begins speech; shorter sounds are clicks.
        silence_ms: Unvoiced time in a row that ends it.

    """

    threshold_dbfs: float = -40.0
    onset_ms: int = 80
    silence_ms: int = 600


DEFAULT_LISTENING = Listening()


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak, at this sample of the stream."""

    sample: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller fell silent, at this sample of the stream."""

    sample: int


SpeechEvent = SpeechStarted | SpeechStopped


class SpeechDetector:
    """Finds speech in PCM16 at 24 kHz. Its time is the audio's own: the same bytes give the same events.

    Bytes may come in any portions, odd ones included; what is not a whole frame yet waits for the next.
    """

    def __init__(self, listening: Listening = DEFAULT_LISTENING) -> None:
        self._power = (32768 * 10 ** (listening.threshold_dbfs / 20)) ** 2
        self._onset = max(1, math.ceil(listening.onset_ms / FRAME_MS))
        self._silence = max(1, math.ceil(listening.silence_ms / FRAME_MS))
        self._rest = b""
        self._frames = 0
        self._run = 0  # frames in a row that speak against the present state
        self.speaking = False

    @property
    def samples(self) -> int:
        """How much of the stream has been judged, in samples."""
        return self._frames * FRAME

    def feed(self, audio: bytes) -> list[SpeechEvent]:
        """Take the next bytes of the stream; return what began and ended in them, oldest first."""
        audio = self._rest + audio
        whole = len(audio) - len(audio) % FRAME_BYTES
        self._rest = audio[whole:]
        frames = np.frombuffer(audio[:whole], dtype="<i2").reshape(-1, FRAME).astype(np.float64)
        voiced = np.mean(frames * frames, axis=1) > self._power
        return [event for frame in voiced if (event := self._judge(bool(frame))) is not None]

    def _judge(self, voiced: bool) -> SpeechEvent | None:
        self._frames += 1
        if voiced == self.speaking:
            self._run = 0
            return None
        self._run += 1
        if self._run < (self._silence if self.speaking else self._onset):
            return None
        started = self.samples - self._run * FRAME
        self._run = 0
        self.speaking = voiced
        return SpeechStarted(started) if voiced else SpeechStopped(started)


class Mouth:
    """When the agent's audio would be over if it were played as it arrives, in real time."""

    def __init__(self) -> None:
        self._until = -math.inf

    def say(self, samples: float, now: float) -> None:
        """Play this many more samples after what is playing."""
        self._until = max(self._until, now) + samples / SAMPLE_RATE

    def remaining_s(self, now: float) -> float:
        """How much is still to be played, in seconds."""
        return max(0.0, self._until - now)

    def stop(self, now: float) -> float:
        """Stop playing; return how much was not played, in seconds."""
        cut = self.remaining_s(now)
        self._until = now
        return cut
