"""Comfort noise: the sound of a line on which somebody is, and nobody speaks just now."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.audio.mulaw import FRAME, RATE, encode

LEVEL_DBFS: Final = -50.0
"""As quiet as a good line; 0 dBFS is a sine of full scale."""

_CUTOFF_HZ: Final = 900.0
_TAPS: Final = 63
_FULL_SCALE: Final = 32767
# The multipliers of splitmix64: the noise is a hash of the number of its sample, so it needs no memory, is
# the same whoever asks, and does not come round in any call.
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def comfort_noise(frames: int, after: int = 0) -> bytes:
    """Return noise as mu-law, shape (160 * frames,).

    Args:
        frames: How many frames of 20 ms.
        after: How many frames there were before, which these go on from without a seam.
    """
    if frames <= 0:
        return b""
    first = after * FRAME
    white = _white(np.arange(first, first + frames * FRAME + _TAPS - 1, dtype=np.uint64))
    return encode(np.rint(np.convolve(white, _FILTER, "valid")).astype(np.int16))


def _white(numbers: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Samples by their number, of power 1 and nearly normal: each the sum of four even ones."""
    mixed = (numbers + np.uint64(1)) * _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    mixed ^= mixed >> np.uint64(31)
    parts = mixed.view(np.uint16).reshape(-1, 4).astype(np.float64)
    return np.asarray((parts.sum(axis=1) - 2 * 0xFFFF) * (np.sqrt(3.0) / 0x10000), np.float64)


def _low_pass() -> NDArray[np.float64]:
    """The filter, which also sets the level."""
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(2 * _CUTOFF_HZ / RATE * at) * np.hamming(_TAPS)
    rms = _FULL_SCALE / np.sqrt(2) * 10 ** (LEVEL_DBFS / 20)
    return np.asarray(taps / np.sqrt(np.sum(taps**2)) * rms, np.float64)


_FILTER: Final = _low_pass()
