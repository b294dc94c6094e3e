"""Test signals are what they claim to be, and the measures agree with them."""

import numpy as np
import pytest

from gateway.audio.tones import lag, rms_dbfs, silence, sine, snr_db, sweep, tone_level_dbfs

RATE = 8000
SPEECH = sweep(200, 3000, 0.5, RATE, -6)


def test_silence_is_zeros_as_long_as_asked() -> None:
    assert silence(0.02, RATE).tolist() == [0] * 160


def test_a_sine_of_full_scale_peaks_at_the_largest_sample() -> None:
    assert sine(2000, 0.0005, RATE, 0).tolist() == [0, 32767, 0, -32767]


@pytest.mark.parametrize("level_dbfs", [0, -6, -20, -40])
def test_both_measures_agree_with_the_level_of_a_sine(level_dbfs: float) -> None:
    tone = sine(1000, 0.1, RATE, level_dbfs)
    assert rms_dbfs(tone) == pytest.approx(level_dbfs, abs=0.02)
    assert tone_level_dbfs(tone, RATE, 1000) == pytest.approx(level_dbfs, abs=0.02)


def test_a_tone_is_not_found_where_it_is_not() -> None:
    assert tone_level_dbfs(sine(1000, 0.1, RATE, 0), RATE, 2000) < -90


def test_silence_has_a_level_so_low_that_nothing_passes_it() -> None:
    assert rms_dbfs(silence(0.1, RATE)) <= -200


@pytest.mark.parametrize(("start", "frequency_hz"), [(0, 200), (-80, 3000)])
def test_a_sweep_goes_from_one_frequency_to_the_other(start: int, frequency_hz: int) -> None:
    ends = np.roll(SPEECH, -start)[:80]
    others = [tone_level_dbfs(ends, RATE, other) for other in range(100, 4000, 100)]
    assert 100 * (1 + int(np.argmax(others))) == pytest.approx(frequency_hz, abs=100)
    assert len(SPEECH) == 4000


@pytest.mark.parametrize("late", [-250, -1, 0, 1, 45, 250])
def test_the_lag_says_how_far_the_signal_is_behind(late: int) -> None:
    padded = np.concatenate([np.zeros(300, np.int16), SPEECH, np.zeros(300, np.int16)])
    assert lag(padded, np.roll(padded, late)) == late


@pytest.mark.parametrize("late", [-7, 0, 45])
def test_noise_thirty_decibels_down_is_an_snr_of_thirty(late: int) -> None:
    padded = np.concatenate([np.zeros(60, np.int16), SPEECH, np.zeros(60, np.int16)])
    noise = np.random.default_rng(1).normal(0, 32767 / np.sqrt(2) * 10 ** (-36 / 20), len(padded))
    noise[:60] = noise[-60:] = 0
    assert snr_db(padded, np.roll(padded + noise, late)) == pytest.approx(30, abs=0.3)


def test_a_signal_of_other_length_is_compared_as_far_as_both_go() -> None:
    assert snr_db(SPEECH, np.concatenate([silence(0.01, RATE), SPEECH[:2000]])) > 200
