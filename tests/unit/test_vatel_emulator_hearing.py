"""The emulated agent's ears and mouth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulators import voice
from gateway.emulators.vatel.hearing import Listening, Mouth, SpeechDetector, SpeechStarted, SpeechStopped

SECOND = 24_000


def tone(seconds: float, level: float = 8_000) -> bytes:
    wave = level * np.sin(2 * np.pi * 300 * np.arange(round(seconds * SECOND)) / SECOND)
    return wave.astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SECOND))


def test_speech_between_silences_starts_and_stops_where_it_does() -> None:
    events = SpeechDetector().feed(silence(0.5) + tone(1) + silence(1))
    assert events == [SpeechStarted(SECOND // 2), SpeechStopped(3 * SECOND // 2)]


def test_a_click_is_not_speech() -> None:
    assert SpeechDetector().feed(silence(0.2) + tone(0.06) + silence(1)) == []


def test_a_pause_between_words_is_not_the_end() -> None:
    assert SpeechDetector().feed(tone(0.5) + silence(0.5) + tone(0.5)) == [SpeechStarted(0)]


def test_noise_below_the_threshold_is_silence() -> None:
    assert SpeechDetector().feed(tone(1, level=300)) == []
    assert SpeechDetector(Listening(threshold_dbfs=-50)).feed(tone(1, level=300)) == [SpeechStarted(0)]


def test_speech_goes_on_until_silence_is_fed() -> None:
    ears = SpeechDetector()
    ears.feed(tone(1))
    assert ears.speaking
    ears.feed(silence(0.6))
    assert not ears.speaking
    assert ears.samples == round(1.6 * SECOND)


@given(st.lists(st.integers(1, 5_000), max_size=60), st.lists(st.booleans(), min_size=1, max_size=8))
def test_the_same_bytes_give_the_same_events_in_any_portions(cuts: list[int], pattern: list[bool]) -> None:
    audio = b"".join(tone(0.3) if loud else silence(0.7) for loud in pattern)
    ears, events, at = SpeechDetector(), [], 0
    for cut in cuts:
        events += ears.feed(audio[at : at + cut])
        at += cut
    assert events + ears.feed(audio[at:]) == SpeechDetector().feed(audio)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=20))
def test_starts_and_stops_alternate_and_advance(pattern: list[tuple[bool, int]]) -> None:
    audio = b"".join(tone(n / 50) if loud else silence(n / 50) for loud, n in pattern)
    events = SpeechDetector().feed(audio)
    assert [isinstance(event, SpeechStarted) for event in events] == [n % 2 == 0 for n in range(len(events))]
    assert [event.sample for event in events] == sorted({event.sample for event in events})


@pytest.mark.parametrize("name", sorted(voice.clips()))
def test_every_recorded_clip_is_one_stretch_of_speech(name: str) -> None:
    events = SpeechDetector().feed(voice.clip(name).pcm + silence(1))
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped]


def test_a_mouth_plays_one_thing_after_the_other() -> None:
    mouth = Mouth()
    mouth.say(SECOND, now=10)
    mouth.say(SECOND, now=10.5)
    assert mouth.remaining_s(10.5) == pytest.approx(1.5)
    assert mouth.remaining_s(13) == 0


def test_a_mouth_that_is_stopped_tells_what_it_did_not_say() -> None:
    mouth = Mouth()
    mouth.say(SECOND, now=10)
    assert mouth.stop(10.25) == pytest.approx(0.75)
    assert mouth.remaining_s(10.25) == 0
    mouth.say(SECOND, now=11)
    assert mouth.remaining_s(11) == pytest.approx(1)
