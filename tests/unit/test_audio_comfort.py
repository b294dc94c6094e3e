"""Comfort noise: quiet, low, always the same, and never round again."""

import numpy as np
import pytest

from gateway.audio.comfort import LEVEL_DBFS, comfort_noise
from gateway.audio.mulaw import FRAME, RATE, decode
from gateway.audio.tones import rms_dbfs

HALF_A_MINUTE = decode(comfort_noise(1500))


def power(samples: "np.ndarray[tuple[int], np.dtype[np.float64]]", low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[(frequency >= low_hz) & (frequency < high_hz)].mean())


@pytest.mark.parametrize("frames", [0, 1, 50])
def test_noise_is_as_long_as_asked(frames: int) -> None:
    assert len(comfort_noise(frames)) == frames * FRAME


def test_noise_is_as_loud_as_a_good_line() -> None:
    assert rms_dbfs(HALF_A_MINUTE) == pytest.approx(LEVEL_DBFS, abs=0.5)
    assert np.abs(HALF_A_MINUTE).max() < 600


def test_noise_is_the_same_whatever_the_pieces() -> None:
    assert comfort_noise(3) + comfort_noise(4, after=3) == comfort_noise(7)


def test_noise_is_low() -> None:
    samples = HALF_A_MINUTE.astype(np.float64)
    assert 10 * np.log10(power(samples, 100, 700) / power(samples, 1500, 4000)) > 20


def test_noise_does_not_come_round_again() -> None:
    samples = HALF_A_MINUTE.astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples, 2 * len(samples))) ** 2
    likeness = np.fft.irfft(spectrum)[: len(samples)]
    assert np.abs(likeness[RATE // 50 :]).max() < 0.05 * likeness[0]


def test_noise_has_no_hum_and_no_offset() -> None:
    assert abs(HALF_A_MINUTE.mean()) < 2
