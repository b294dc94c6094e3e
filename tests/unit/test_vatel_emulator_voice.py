"""What the emulators can say."""

import numpy as np
import pytest

from gateway.emulators import voice


def test_all_clips_of_the_manifest_are_recorded_and_small() -> None:
    files = {file.stem: file.stat().st_size for file in voice.SPEECH.glob("*.flac")}
    assert set(files) == set(voice.clips())
    assert sum(files.values()) < 1_000_000


@pytest.mark.parametrize("name", sorted(voice.clips()))
def test_a_clip_is_mono_16_bit_and_neither_faint_nor_clipped(name: str) -> None:
    clip = voice.clip(name)
    assert clip.samples.dtype == np.int16
    assert clip.samples.ndim == 1
    assert 10_000 < int(np.abs(clip.samples.astype(np.int32)).max()) < 32_000
    assert clip.pcm == clip.samples.tobytes()


def test_a_clip_is_read_once_and_cannot_be_written() -> None:
    clip = voice.clip("caller-hello")
    assert voice.clip("caller-hello") is clip
    with pytest.raises(ValueError, match="read-only"):
        clip.samples[0] = 1


def test_an_unknown_clip_names_those_there_are() -> None:
    with pytest.raises(voice.NoSuchClip, match=r"'nothing'; there are agent-anything-else, "):
        voice.clip("nothing")


def test_a_text_that_was_recorded_is_spoken_by_its_clip() -> None:
    assert voice.speak("Hello?") is voice.clip("caller-hello")


def test_any_other_text_sounds_for_about_as_long_as_it_takes_to_say() -> None:
    words = voice.speak("This was never recorded by anybody.")
    assert words.text == "This was never recorded by anybody."
    assert 1.5 < words.seconds < 3
    assert int(np.abs(words.samples.astype(np.int32)).max()) < 20_000
    assert np.array_equal(voice.speak("same words").samples, voice.speak("same words").samples)


def test_a_text_without_end_is_cut_and_an_empty_one_is_short() -> None:
    assert voice.speak("word " * 1_000).seconds == 60
    assert 0 < voice.speak("").seconds < 0.2
