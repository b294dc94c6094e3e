"""Test signals and the measures taken of them; levels are relative to a sine of full scale (0 dBFS)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FULL_SCALE: Final = 32767
"""The peak of a sine of 0 dBFS."""

Samples = NDArray[np.int16] | NDArray[np.float64]
"""16-bit samples, or the doubles an ideal reference is made of."""

_NOTHING: Final = 1e-20  # a power that stands for none, so that its logarithm exists


def silence(seconds: float, rate: int) -> NDArray[np.int16]:
    """Return samples of zero, shape (seconds * rate,)."""
    return np.zeros(round(seconds * rate), np.int16)


def sine(frequency_hz: float, seconds: float, rate: int, level_dbfs: float) -> NDArray[np.int16]:
    """Return a tone, shape (seconds * rate,), that starts at zero."""
    time = np.arange(round(seconds * rate)) / rate
    return _wave(2 * np.pi * frequency_hz * time, level_dbfs)


def sweep(from_hz: float, to_hz: float, seconds: float, rate: int, level_dbfs: float) -> NDArray[np.int16]:
    """Return a tone whose frequency moves evenly from one to the other, shape (seconds * rate,)."""
    time = np.arange(round(seconds * rate)) / rate
    slope = (to_hz - from_hz) / (2 * seconds)
    return _wave(2 * np.pi * (from_hz + slope * time) * time, level_dbfs)


def rms_dbfs(samples: Samples) -> float:
    """Return the level of all samples together."""
    return _decibels(2 * _power(samples) / FULL_SCALE**2)


def tone_level_dbfs(samples: Samples, rate: int, frequency_hz: float) -> float:
    """Return the level of one tone; exact if the samples hold a whole number of its periods."""
    turns = np.exp(-2j * np.pi * frequency_hz / rate * np.arange(len(samples)))
    amplitude = 2 * abs(np.dot(samples, turns)) / len(samples)
    return _decibels(float(amplitude / FULL_SCALE) ** 2)


def lag(reference: Samples, signal: Samples) -> int:
    """Return how many samples the signal is behind the reference, negative when ahead."""
    size = len(reference) + len(signal)
    spectrum = np.fft.rfft(signal, size) * np.conj(np.fft.rfft(reference, size))
    best = int(np.argmax(np.fft.irfft(spectrum, size)))
    return best if best < len(signal) else best - size


def snr_db(reference: Samples, signal: Samples) -> float:
    """Return the power of the reference over that of what the signal differs by, once aligned in time."""
    late = lag(reference, signal)
    wanted = reference[max(0, -late) :].astype(np.float64)
    heard = signal[max(0, late) :].astype(np.float64)
    count = min(len(wanted), len(heard))
    wanted, heard = wanted[:count], heard[:count]
    return _decibels(_power(wanted) / max(_power(heard - wanted), _NOTHING))


def _wave(phase: NDArray[np.float64], level_dbfs: float) -> NDArray[np.int16]:
    peak = FULL_SCALE * 10 ** (level_dbfs / 20)
    return np.rint(peak * np.sin(phase)).astype(np.int16)


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def _decibels(ratio: float) -> float:
    return float(10 * np.log10(max(ratio, _NOTHING)))
