"""Speech is told from silence and from the noise of a line."""

import numpy as np
import pytest

from gateway.audio.mulaw import FRAME, RATE, encode
from gateway.audio.tones import FULL_SCALE, rms_dbfs, silence, sine
from gateway.audio.transcode import AgentToCaller
from gateway.bridge.caller import CallerLeg
from gateway.bridge.limits import Limits
from gateway.bridge.voice import Voice, voiced
from gateway.emulators.voice import clip, clips
from gateway.wire.media_stream import Media

CALLER = [name for name in clips() if name.startswith("caller")]


def noise(seconds: float, level_dbfs: float) -> bytes:
    """White noise, as mu-law."""
    deviation = FULL_SCALE / np.sqrt(2) * 10 ** (level_dbfs / 20)
    return encode(np.random.default_rng(7).normal(0, deviation, round(seconds * RATE)).astype(np.int16))


def speech(name: str, level_dbfs: float) -> bytes:
    """A clip without the pauses in it, at that level, as mu-law."""
    samples = clip(name).samples
    spoken = samples[np.abs(samples) > 100]
    gain = 10 ** ((level_dbfs - rms_dbfs(spoken)) / 20)
    return AgentToCaller().feed(np.clip(samples * gain, -32768, 32767).astype("<i2").tobytes())


def share(mulaw: bytes) -> float:
    """How many of all frames are voiced."""
    frames = [mulaw[at : at + FRAME] for at in range(0, len(mulaw) - FRAME, FRAME)]
    return sum(map(voiced, frames)) / len(frames)


def test_silence_is_not_voiced() -> None:
    assert not voiced(encode(silence(0.02, RATE)))


def test_nothing_at_all_is_not_voiced() -> None:
    assert not voiced(b"")


@pytest.mark.parametrize("level_dbfs", [-70, -60, -50, -45])
def test_comfort_noise_is_never_voiced(level_dbfs: float) -> None:
    assert share(noise(20, level_dbfs)) == 0


@pytest.mark.parametrize("name", CALLER)
@pytest.mark.parametrize(("level_dbfs", "least"), [(-20, 0.5), (-30, 0.35)])
def test_speech_is_voiced_in_most_of_its_frames(name: str, level_dbfs: float, least: float) -> None:
    assert share(speech(name, level_dbfs)) > least


@pytest.mark.parametrize("name", CALLER)
def test_speech_is_never_missed_for_long(name: str) -> None:
    voice, mulaw, gaps, last = Voice(), speech(name, -20), [], 0.0
    for number, at in enumerate(range(0, len(mulaw), FRAME)):
        voice.hear(mulaw[at : at + FRAME], number * 0.02)
        if voice.at is not None and voice.at != last:
            gaps.append(voice.at - last)
            last = voice.at
    assert max(gaps) < 0.7


@pytest.mark.parametrize("frequency_hz", [440, 1000, 2500])
@pytest.mark.parametrize(("level_dbfs", "loud"), [(-20, True), (-30, True), (-45, False)])
def test_a_tone_counts_by_its_level_alone(frequency_hz: float, level_dbfs: float, loud: bool) -> None:
    assert voiced(encode(sine(frequency_hz, 0.02, RATE, level_dbfs))) is loud


def test_every_fifth_frame_is_looked_at_and_stands_for_the_others() -> None:
    voice, loud = Voice(), encode(sine(400, 0.02, RATE, -20))
    for number in range(1, 5):
        voice.hear(loud, number * 0.02)
    assert (voice.at, voice.ms) == (None, 0)
    voice.hear(loud, 0.1)
    assert (voice.at, voice.ms) == (0.1, 100)


def test_a_reset_forgets_how_long_and_not_when() -> None:
    leg, loud = CallerLeg(Limits()), encode(sine(400, 0.02, RATE, -20))
    for number in range(1, 11):
        leg.fresh(Media(loud, number), number * 0.02)
    assert (leg.voiced_at, leg.voiced_ms) == (0.2, 200)
    leg.reset_voiced()
    assert (leg.voiced_at, leg.voiced_ms) == (0.2, 0)


def test_a_frame_that_comes_twice_is_listened_to_once() -> None:
    leg, loud = CallerLeg(Limits()), encode(sine(400, 0.02, RATE, -20))
    for _ in range(50):
        leg.fresh(Media(loud, 7), 0.1)
    assert leg.voiced_at is None
