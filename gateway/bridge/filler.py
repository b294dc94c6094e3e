"""What the caller hears while there is nothing else to hear: comfort noise, and now and then a phrase.

It needs no vendor: noise is made here, and the phrases came with the gateway. Times are seconds of the
bridge's clock.
"""

from typing import Final

from gateway.audio.clips import ClipName, Clips
from gateway.audio.comfort import comfort_noise
from gateway.bridge.commands import Command, Tell
from gateway.bridge.limits import Limits
from gateway.bridge.report import SilenceFilled
from gateway.bridge.speech import AgentSpeech

_NOISE_FRAMES: Final = 10
"""Noise is sent 200 ms at a time: the agent need not wait longer to be heard behind it."""
_REFILL_S: Final = 0.1
"""So long before Twilio runs dry, more is sent."""
_SPEAKING_S: Final = 0.3
"""With more than this still to be heard, somebody is speaking: a phrase can wait."""


class Filler:
    """Keeps the line from falling silent, from when it is asked to until it is told that it need not."""

    def __init__(self, limits: Limits, clips: Clips, speech: AgentSpeech) -> None:
        self._again_s = limits.phrase_again_s
        self._clips = clips
        self._speech = speech
        self._noise_at: float | None = None
        self._phrase_at = 0.0
        self._said = 0
        self._yields = False
        self._frames = 0

    @property
    def running(self) -> bool:
        """Whether it was asked to."""
        return self._noise_at is not None

    @property
    def deadline(self) -> float | None:
        """When there is something to do."""
        if self._noise_at is None:
            return None
        dry_at = self._speech.playout.plays_until - _REFILL_S
        return min(max(self._noise_at, dry_at), max(self._phrase_at, self._quiet_at))

    def begin(self, noise_at: float, phrase_at: float, *, yields: bool = False) -> None:
        """Send noise from then on, and a phrase at that time; what it was asked for before may be sooner.

        Args:
            noise_at: When noise begins.
            phrase_at: When words are said.
            yields: Whether it is over when the caller speaks: there is an agent to hear them.
        """
        if self._noise_at is None:
            self._noise_at, self._phrase_at, self._said, self._yields = noise_at, phrase_at, 0, yields
        elif not self._said:
            self._noise_at = min(self._noise_at, noise_at)
            self._phrase_at = min(self._phrase_at, phrase_at)
            self._yields = self._yields and yields

    def stop(self) -> None:
        """There is something else to hear, or nobody to hear it."""
        self._noise_at = None

    def give_way(self) -> None:
        """The caller speaks: say nothing into that, of what is over then. Behind words, noise goes on."""
        if self._yields and not self._said:
            self.stop()

    def tick(self, now: float) -> list[Command]:
        """Do what is due."""
        if self._noise_at is None:
            return []
        if now >= self._phrase_at and now >= self._quiet_at:
            self._phrase_at = now + self._again_s
            return self._phrase(now)
        if now >= self._noise_at and now >= self._speech.playout.plays_until - _REFILL_S:
            noise = comfort_noise(_NOISE_FRAMES, self._frames)
            self._frames += _NOISE_FRAMES
            return self._speech.fill(noise, now)
        return []

    @property
    def _quiet_at(self) -> float:
        """When what is being said will be over, near enough."""
        return self._speech.playout.plays_until - _SPEAKING_S

    def _phrase(self, now: float) -> list[Command]:
        name = ClipName.STILL_THERE if self._said else ClipName.ONE_MOMENT
        self._said += 1
        clip = self._clips.get(name)
        return [*self._speech.fill(clip, now), Tell(SilenceFilled(name.value))] if clip else []
