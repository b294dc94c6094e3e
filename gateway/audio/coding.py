"""Samples between the bytes of a message and the numbers a filter works with.

The numbers are those of 16-bit samples, raised by ``LIFT``: then the cut to whole numbers rounds, and what
comes out is a place in a table, which saturates and writes in one go.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.audio import mulaw

_LOWEST: Final = -32768
LIFT: Final = 0.5 - _LOWEST
"""What a sample is raised by: the lowest rounds to place 0 of a table."""

_SAMPLES: Final = np.arange(_LOWEST, -_LOWEST).astype("<i2")
_BYTE: Final = np.dtype(np.uint8)
_WORD: Final = np.dtype("<i2")
_LIFT: Final = np.array(LIFT)  # ufuncs take an array faster than a Python number
_LIFTED: Final = mulaw.decode(bytes(range(256))) + LIFT


@dataclass(frozen=True, slots=True, eq=False)
class Coding:
    """How samples are written.

    Attributes:
        silence: One sample of it.
        codes: What is written, by sample from the lowest on; shape (65536,).
        read: Puts samples, raised, into an array of shape (n,).

    """

    silence: bytes
    codes: NDArray[Any]
    read: Callable[[bytes, NDArray[np.float64]], object]


def _read_mulaw(data: bytes, into: NDArray[np.float64]) -> None:
    _LIFTED.take(np.frombuffer(data, _BYTE), None, into, "clip")  # other modes go through a copy


def _read_pcm(data: bytes, into: NDArray[np.float64]) -> None:
    np.add(np.frombuffer(data, _WORD), _LIFT, into)


MULAW: Final = Coding(
    bytes([mulaw.SILENCE]), np.frombuffer(mulaw.encode(_SAMPLES.astype(np.int16)), np.uint8), _read_mulaw
)
PCM: Final = Coding(b"\0\0", _SAMPLES, _read_pcm)
"""16 bits, the low byte first."""
