"""The music that callers hear while they wait: four soft chords of ours, made here, and nobody else's."""

import struct
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.audio.mulaw import RATE, encode

_CHORDS_HZ: Final = (
    (261.63, 329.63, 392.00),
    (220.00, 261.63, 329.63),
    (174.61, 220.00, 349.23),
    (196.00, 246.94, 392.00),
)
"""C, A minor, F, G."""
_CHORD_S: Final = 0.8
PHRASE_S: Final = len(_CHORDS_HZ) * _CHORD_S
_FADE_S: Final = 0.08
_PEAK: Final = 5000.0
"""About -16 dBFS: music that is as loud as speech tires."""
_FORMAT: Final = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
_MULAW_TAG: Final = 7


@cache
def phrase() -> bytes:
    """3.2 s of music as mu-law, from silence to silence."""
    return b"".join(encode(_chord(tones)) for tones in _CHORDS_HZ)


def _chord(tones_hz: tuple[float, ...]) -> NDArray[np.int16]:
    time = np.arange(round(_CHORD_S * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * tone * time) + 0.2 * np.sin(4 * np.pi * tone * time) for tone in tones_hz)
    edge = np.minimum(1.0, np.minimum(time, time[::-1]) / _FADE_S)
    shape = edge * np.exp(-1.5 * time)
    return np.ascontiguousarray(np.rint(_PEAK * sound / len(tones_hz) * shape), np.int16)


def wav(mulaw: bytes) -> bytes:
    """Mu-law audio as a WAV file, which is what ``<Play>`` takes without a conversion."""
    head = _FORMAT.pack(
        b"RIFF", _FORMAT.size - 8 + len(mulaw), b"WAVE",
        b"fmt ", 18, _MULAW_TAG, 1, RATE, RATE, 1, 8, 0,
        b"fact", 4, len(mulaw),
        b"data", len(mulaw),
    )  # fmt: skip
    return head + mulaw
