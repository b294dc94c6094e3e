"""Sound files for the telephone: any rate in, the same tone out."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from gateway.cli import sound
from gateway.cli.sound import SoundUnusable
from gateway.emulators.twilio.line_audio import RATE, SILENCE, decode, encode
from gateway.emulators.voice import NoSuchClip


def tone(
    rate: int, hz: float = 440.0, seconds: float = 0.5, level: float = 8000.0
) -> npt.NDArray[np.float64]:
    return np.asarray(level * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate))


def middle(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Without the edges, where a filter has nothing to lean on."""
    return samples[len(samples) // 4 : -len(samples) // 4]


@pytest.mark.parametrize("rate", [7_350, 8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_tone_keeps_its_level_its_pitch_and_its_place(rate: int) -> None:
    made = sound.resample(tone(rate), rate, RATE)
    expected = tone(RATE)[: len(made)]
    assert abs(len(made) - RATE // 2) <= 1
    assert np.abs(middle(made) - middle(expected)).max() < 8000 * 0.01


@pytest.mark.parametrize("hz", [4_600.0, 6_000.0, 11_000.0])
def test_what_a_telephone_cannot_carry_is_gone_and_does_not_fold_back(hz: float) -> None:
    made = sound.resample(tone(24_000, hz), 24_000, RATE)
    assert np.abs(middle(made)).max() < 8000 * 0.01


def test_a_long_sound_has_no_seams() -> None:
    made = sound.resample(tone(11_025, seconds=3.0), 11_025, RATE)
    assert np.abs(middle(made) - middle(tone(RATE, seconds=3.0)[: len(made)])).max() < 8000 * 0.01


@pytest.mark.parametrize(
    ("rate", "channels", "suffix"), [(44_100, 2, "wav"), (22_050, 1, "flac"), (8_000, 1, "wav")]
)
def test_a_file_becomes_mu_law(tmp_path: Path, rate: int, channels: int, suffix: str) -> None:
    path = tmp_path / f"tone.{suffix}"
    samples = np.repeat(tone(rate)[:, None] / 32768, channels, axis=1)
    soundfile.write(path, samples, rate)
    heard = decode(sound.from_file(path)).astype(np.float64)
    assert np.abs(middle(heard)).max() == pytest.approx(8000, rel=0.03)


def test_channels_are_mixed_not_chosen(tmp_path: Path) -> None:
    path = tmp_path / "one-sided.wav"
    soundfile.write(path, np.stack([tone(RATE) / 32768, np.zeros(RATE // 2)], axis=1), RATE)
    assert np.abs(middle(decode(sound.from_file(path)).astype(np.float64))).max() == pytest.approx(
        4000, rel=0.03
    )


def test_a_loud_sound_is_held_within_the_scale() -> None:
    assert np.abs(decode(sound.to_line(tone(RATE, level=90_000.0), RATE)).astype(np.int32)).max() > 32_000


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    text, empty = tmp_path / "text.wav", tmp_path / "empty.wav"
    text.write_text("no sound")
    soundfile.write(empty, np.zeros(0), RATE)
    for path, complaint in [
        (text, "can't be read"),
        (tmp_path / "missing.wav", "can't be read"),
        (tmp_path, "can't be read"),
        (empty, "0.0 seconds"),
    ]:
        with pytest.raises(SoundUnusable, match=complaint) as caught:
            sound.from_file(path)
        assert str(path) in str(caught.value)


def test_a_clip_and_its_words_sound_the_same_and_other_words_sound_too() -> None:
    assert sound.from_clip("caller-hello") == sound.from_text("Hello?")
    assert len(sound.from_text("Some other words")) > RATE // 4
    with pytest.raises(NoSuchClip):
        sound.from_clip("nobody")


def test_a_call_is_written_with_the_caller_left_and_the_agent_right(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    caller = encode(np.full(100, 1000, dtype=np.int16))
    sound.write_call(path, caller, caller + SILENCE * 60)
    both, rate = soundfile.read(path, dtype="int16")
    assert (rate, both.shape) == (RATE, (160, 2))
    assert both[:, 0].tolist() == [*decode(caller).tolist(), *[0] * 60]
    assert both[:100, 1].tolist() == decode(caller).tolist()
    with pytest.raises(SoundUnusable, match="can't be written"):
        sound.write_call(tmp_path / "missing" / "call.wav", caller, caller)
