"""The music that callers hear while they wait."""

import io

import numpy as np
import soundfile

from gateway.audio.mulaw import RATE, decode
from gateway.audio.music import phrase, wav
from gateway.audio.tones import rms_dbfs


def test_the_music_lasts_some_three_seconds_and_is_softer_than_speech() -> None:
    samples = decode(phrase())
    assert len(samples) == 3.2 * RATE
    assert -32 < rms_dbfs(samples) < -22


def test_the_music_begins_and_ends_in_silence_so_that_it_can_be_repeated() -> None:
    samples = decode(phrase())
    assert np.abs(samples[[0, -1]]).max() == 0


def test_a_file_of_it_is_read_by_others_as_what_it_is() -> None:
    samples, rate = soundfile.read(io.BytesIO(wav(phrase())), dtype="int16")
    info = soundfile.info(io.BytesIO(wav(phrase())))
    assert (rate, info.channels, info.subtype, info.frames) == (RATE, 1, "ULAW", len(phrase()))
    assert np.array_equal(samples, decode(phrase()))
