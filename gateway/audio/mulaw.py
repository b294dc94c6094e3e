"""G.711 mu-law, the code of the telephone line: 8000 one-byte samples a second."""

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray

# On 160 samples, the frame of every call, audioop takes 0.35 us to decode and 0.5 us to encode; a numpy table
# takes 1.0 us and 1.1 us. From some 500 samples on the table encodes faster, on 1600 twice as fast.
with warnings.catch_warnings():
    # The standard library's copy warns up to 3.12; from 3.13 on audioop-lts provides the same functions.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATE: Final = 8000
"""Samples, and so bytes, a second."""

FRAME: Final = 160
"""Bytes in 20 ms, the length of one message of the line."""

BYTES_PER_MS: Final = RATE // 1000

SILENCE: Final = 0xFF
"""The code of a sample of zero."""

_LONG: Final = 500
_CODES: Final = np.frombuffer(audioop.lin2ulaw(np.arange(1 << 16, dtype=np.uint16).data, 2), np.uint8)
"""By sample, taken for an unsigned number."""


def decode(mulaw: bytes) -> NDArray[np.int16]:
    """Decode mu-law bytes, shape (n,), to 16-bit samples, shape (n,)."""
    return np.frombuffer(audioop.ulaw2lin(mulaw, 2), np.int16)


def encode(samples: NDArray[np.int16]) -> bytes:
    """Encode contiguous 16-bit samples, shape (n,), to n mu-law bytes."""
    if len(samples) < _LONG:
        return audioop.lin2ulaw(samples.data, 2)
    return _CODES.take(samples.view(np.uint16)).tobytes()
