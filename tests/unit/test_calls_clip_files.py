"""Clips: ours are short, trimmed and as loud as speech; the operator's own take their place, or are named."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile

from gateway.audio.clips import ClipName
from gateway.audio.mulaw import RATE, decode
from gateway.audio.tones import rms_dbfs
from gateway.calls.clip_files import load
from gateway.errors import SettingsError
from gateway.settings import Settings

LANGUAGES = get_args(Settings.model_fields["clips_language"].annotation)
EACH = [(language, name) for language in LANGUAGES for name in ClipName]
LONGEST_S = {
    ClipName.ONE_MOMENT: 1.1,
    ClipName.STILL_THERE: 3.0,
    ClipName.SORRY_TRANSFER: 3.5,
    ClipName.SORRY_GOODBYE: 6.5,
}


def written(
    folder: Path, name: str, rate: int = RATE, samples: int = 800, channels: int = 1, **form: str
) -> Path:
    file = folder / "en" / name
    file.parent.mkdir(exist_ok=True)
    soundfile.write(file, np.full((samples, channels), 0.5), rate, **form)
    return file


def refused(folder: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load("en", folder)
    return str(caught.value)


@pytest.mark.parametrize(("language", "name"), EACH)
def test_what_ships_is_short_trimmed_and_as_loud_as_speech(language: str, name: ClipName) -> None:
    samples = decode(load(language).get(name))
    loud = np.flatnonzero(np.abs(samples) > 500)
    assert 0.7 * RATE < len(samples) <= LONGEST_S[name] * RATE + 160
    assert loud[0] < 0.03 * RATE
    assert len(samples) - loud[-1] < 0.1 * RATE
    assert rms_dbfs(samples) == pytest.approx(-20.5, abs=0.7)


def test_every_language_of_the_settings_has_its_texts() -> None:
    texts = tomllib.loads((resources.files("gateway.calls") / "clips" / "clips.toml").read_text("utf-8"))
    assert [set(texts[language]) for language in LANGUAGES] == [set(ClipName)] * len(LANGUAGES)
    assert set(texts["voices"]) == set(LANGUAGES)


@pytest.mark.parametrize("subtype", ["ULAW", "PCM_16"])
def test_a_wave_file_takes_the_place_of_ours(tmp_path: Path, subtype: str) -> None:
    written(tmp_path, "one_moment.wav", subtype=subtype)
    clips = load("en", tmp_path)
    assert clips.get(ClipName.ONE_MOMENT) == load("en", tmp_path).get(ClipName.ONE_MOMENT)
    assert decode(clips.get(ClipName.ONE_MOMENT)) == pytest.approx(np.full(800, 16384), abs=400)
    assert clips.get(ClipName.STILL_THERE) == load("en").get(ClipName.STILL_THERE)


def test_plain_mulaw_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "still_there.ulaw").write_bytes(b"\x01" * 160)
    assert load("de", tmp_path).get(ClipName.STILL_THERE) == b"\x01" * 160
    assert load("en", tmp_path) == load("en")


def test_words_the_operator_has_changed_are_not_said_in_ours_but_in_theirs(tmp_path: Path) -> None:
    changed = {ClipName.SORRY_TRANSFER, ClipName.SORRY_GOODBYE}
    written(tmp_path, "sorry_goodbye.wav")
    clips = load("en", tmp_path, changed)
    assert clips.get(ClipName.SORRY_TRANSFER) == b""
    assert clips.get(ClipName.SORRY_GOODBYE)
    assert load("en", None, changed).sounds.keys() == set(ClipName) - changed


def test_other_files_beside_the_clips_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "README.txt").write_text("who spoke these")
    assert load("en", tmp_path) == load("en")


@pytest.mark.parametrize(
    ("name", "rate", "channels", "form", "problem"),
    [
        ("one_moment.wav", 16000, 1, {}, "must have 8000 samples a second, not 16000"),
        ("one_moment.wav", RATE, 2, {}, "must have one channel, not 2"),
        (
            "one_moment.wav",
            RATE,
            1,
            {"subtype": "FLOAT"},
            "must be a WAV file of mu-law or of 16-bit samples",
        ),
        ("one_moment.wav", RATE, 1, {"subtype": "ALAW"}, "must be a WAV file of mu-law or of 16-bit samples"),
        ("one_moment.wav", RATE, 1, {"format": "FLAC"}, "must be a WAV file of mu-law or of 16-bit samples"),
        ("one_moment.flac", RATE, 1, {}, "must be a file .wav or .ulaw"),
        (
            "one-moment.wav",
            RATE,
            1,
            {},
            "is none of the clips, which are one_moment, still_there, sorry_transfer",
        ),
        ("one_moment.ulaw", RATE, 1, {"format": "WAV"}, "has the header of another format: mu-law has none"),
    ],
)
def test_a_sound_of_another_form_is_named(
    tmp_path: Path, name: str, rate: int, channels: int, form: dict[str, str], problem: str
) -> None:
    file = written(tmp_path, name, rate, 800, channels, **form)
    assert refused(tmp_path).startswith(f"CLIPS_DIR: {file} {problem}")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("one_moment.wav", b"RIFF", "is not a WAV file"),
        ("one_moment.wav", b"", "is not a WAV file"),
        ("one_moment.ulaw", b"", "is empty"),
        ("one_moment.ulaw", b"\x01" * 80_001, "is longer than 10 seconds"),
    ],
)
def test_a_file_that_can_not_be_played_is_named(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / name).write_bytes(content)
    assert refused(tmp_path) == f"CLIPS_DIR: {tmp_path / 'en' / name} {problem}"


def test_a_wave_file_that_is_too_long_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, "one_moment.wav", samples=80_001)
    assert refused(tmp_path) == f"CLIPS_DIR: {file} is longer than 10 seconds"


def test_a_clip_of_two_forms_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, "one_moment.wav").with_suffix(".ulaw")
    file.write_bytes(b"\x01" * 160)
    assert refused(tmp_path) == f"CLIPS_DIR: {file} is there as .wav too: keep one of them"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == f"CLIPS_DIR: {tmp_path / 'none'} is not a folder"


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "en").write_text("")
    assert refused(tmp_path) == f"CLIPS_DIR: {tmp_path / 'en'} can't be read: Not a directory"
