"""Sound files of the telephone's ends: any rate in, mu-law of 8 kHz; both sides of a call out."""

import math
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from gateway.emulators import voice
from gateway.emulators.twilio.line_audio import RATE, decode, encode
from gateway.errors import GatewayError

_ZEROS: Final = 32  # zero crossings of the filter on either side
_BAND: Final = 0.95  # of the lower of both Nyquist frequencies
_BETA: Final = 8.0
_BLOCK: Final = 4096  # samples made at once: bounds the memory a long file takes
_LONGEST_S: Final = 600.0

Samples = npt.NDArray[np.int16]


class SoundUnusable(GatewayError):
    """A sound file cannot be read or written."""

    remedy = "Give a sound file (WAV, FLAC, OGG) of at most ten minutes, and a folder that can be written to."


def from_file(path: Path) -> bytes:
    """Mu-law of a sound file of any rate; of several channels, their mean.

    Raises:
        SoundUnusable: It cannot be read, is empty or too long.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SoundUnusable(f"{path} can't be read: {error}") from error
    if not 0 < len(samples) <= _LONGEST_S * rate:
        raise SoundUnusable(f"{path} holds {len(samples) / rate:.1f} seconds of sound")
    return to_line(samples.mean(axis=1) * 32768.0, rate)


def from_clip(name: str) -> bytes:
    """Mu-law of a recorded clip.

    Raises:
        NoSuchClip: There is none of that name.
    """
    return to_line(voice.clip(name).samples.astype(np.float64), voice.SAMPLE_RATE)


def from_text(text: str) -> bytes:
    """Mu-law of any words: a recorded clip of them, or a tune of their rhythm."""
    return to_line(voice.speak(text).samples.astype(np.float64), voice.SAMPLE_RATE)


def to_line(samples: npt.NDArray[np.float64], rate: int) -> bytes:
    """Mu-law of samples at any rate, on the scale of 16 bits."""
    return encode(np.clip(np.rint(resample(samples, rate, RATE)), -32768, 32767).astype(np.int16))


def resample(samples: npt.NDArray[np.float64], rate: int, to: int) -> npt.NDArray[np.float64]:
    """Samples at another rate, by a sinc under a Kaiser window, without delay."""
    if rate == to or not len(samples):
        return samples
    taps = _taps(rate, to)
    phases, reach = len(taps), taps.shape[1] // 2
    padded = np.pad(samples, reach)
    made = np.empty(len(samples) * to // rate)
    for start in range(0, len(made), _BLOCK):
        number = np.arange(start, min(start + _BLOCK, len(made)))
        first = number * rate // to + 1  # the first old sample in reach, as padded
        old = padded[first[:, None] + np.arange(2 * reach)]
        made[start : start + len(number)] = np.einsum("ij,ij->i", old, taps[number % phases])
    return made


def _taps(rate: int, to: int) -> npt.NDArray[np.float64]:
    """A row of filter taps for each place a new sample can have between two old ones."""
    lower = min(rate, to) / rate * _BAND  # the band that stays, as a share of the old Nyquist frequency
    reach = math.ceil(_ZEROS / lower)
    times = np.arange(to // math.gcd(rate, to)) * rate % to / to
    distance = times[:, None] - np.arange(1 - reach, reach + 1)
    window = np.i0(_BETA * np.sqrt(np.maximum(0.0, 1 - (distance / reach) ** 2))) / np.i0(_BETA)
    return np.asarray(lower * np.sinc(lower * distance) * window, dtype=np.float64)


def write_call(path: Path, caller: bytes, heard: bytes) -> None:
    """Write a call as a stereo WAV file: the caller on the left, what the caller heard on the right.

    Raises:
        SoundUnusable: It cannot be written.
    """
    left, right = decode(caller), decode(heard)
    both = np.zeros((max(len(left), len(right)), 2), dtype=np.int16)
    both[: len(left), 0], both[: len(right), 1] = left, right
    try:
        soundfile.write(path, both, RATE, subtype="PCM_16", format="WAV")
    except (soundfile.LibsndfileError, OSError) as error:
        raise SoundUnusable(f"{path} can't be written: {error}") from error
