"""Mu-law of the emulated telephone: to and from samples and WAV files, and a track on a time axis."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from gateway.errors import GatewayError

RATE = 8000
SILENCE = b"\xff"
FRAME_BYTES = 160
FRAME_S = 0.02

_BIAS = 132
_CLIP = 32_635


class AudioUnusable(GatewayError):
    """The sound file is not of use to a telephone line."""

    remedy = "Give a mono WAV file of 8000 samples a second, or raw mu-law."


def _decoding_table() -> npt.NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = ((code >> 4) & 7).astype(np.int32)
    magnitude = (((code & 15).astype(np.int32) << 3) + _BIAS << exponent) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


_DECODED = _decoding_table()


def decode(mulaw: bytes) -> npt.NDArray[np.int16]:
    """Samples of mu-law audio (ITU-T G.711)."""
    return _DECODED[np.frombuffer(mulaw, dtype=np.uint8)]


def encode(samples: npt.NDArray[np.int16]) -> bytes:
    """Mu-law of 16-bit samples (ITU-T G.711)."""
    wide = samples.astype(np.int32)
    magnitude = np.minimum(np.abs(wide), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    sign = np.where(wide < 0, 0x80, 0)
    return bytes((~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8))


def read_wav(path: Path | BinaryIO) -> bytes:
    """Mu-law of a mono WAV file of 8000 samples a second.

    Raises:
        AudioUnusable: The file has another rate, more channels, or is no sound file.

    """
    try:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as exc:
        raise AudioUnusable(f"{path} cannot be read: {exc}") from exc
    if rate != RATE or samples.shape[1] != 1:
        raise AudioUnusable(f"{path} has {samples.shape[1]} channels of {rate} samples a second")
    return encode(samples[:, 0])


def write_wav(path: Path | BinaryIO, mulaw: bytes) -> None:
    """Write mu-law audio as a mono WAV file of 8000 samples a second, 16 bits."""
    soundfile.write(path, decode(mulaw), RATE, subtype="PCM_16", format="WAV")


class Track:
    """Audio laid down on a time axis, with silence where there is none; kept up to a limit."""

    def __init__(self, kept_limit_s: float) -> None:
        self._limit = round(kept_limit_s * RATE)
        self._audio = bytearray()

    def lay(self, audio: bytes, start_s: float) -> None:
        """Lay audio down, not before the end of what is there already."""
        start = max(round(start_s * RATE), len(self._audio))
        if start >= self._limit:
            return
        self._audio.extend(SILENCE * (start - len(self._audio)))
        self._audio.extend(audio[: self._limit - start])

    def until(self, end_s: float) -> bytes:
        """What was laid down, filled up with silence to ``end_s``."""
        end = min(round(end_s * RATE), self._limit)
        return bytes(self._audio[:end]) + SILENCE * (end - len(self._audio))
