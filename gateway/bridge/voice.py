"""Whether the caller is speaking, as cheaply as fifty frames a second of each call can be asked."""

from typing import Final

import numpy as np

from gateway.audio.mulaw import BYTES_PER_MS, decode

_EVERY: Final = 5
"""One frame of so many is looked at: at 20 ms a frame, each tenth of a second."""
_QUIET: Final = 500
"""Samples smaller than this say nothing: of noise at -45 dBFS, one in a thousand is larger."""
_LOUD_SHARE: Final = 10
"""A frame is voiced when one sample of so many is not quiet; of speech at -20 dBFS, every third or so is."""
_CODES: Final = bytes(range(256))
_QUIET_CODES: Final = bytes(np.flatnonzero(np.abs(decode(_CODES).astype(np.int32)) < _QUIET).astype(np.uint8))


def voiced(mulaw: bytes) -> bool:
    """Whether a frame holds something as loud as speech. A tone or a cough is that too."""
    return len(mulaw.translate(None, _QUIET_CODES)) * _LOUD_SHARE > len(mulaw)


class Voice:
    """Looks at a frame now and then, and remembers when it last was voiced."""

    def __init__(self) -> None:
        self._frames = 0
        self.at: float | None = None
        self.ms = 0.0

    def hear(self, mulaw: bytes, now: float) -> None:
        """Take a frame of the caller's; most are passed over."""
        self._frames += 1
        if self._frames % _EVERY == 0 and voiced(mulaw):
            self.at = now
            self.ms += len(mulaw) * _EVERY / BYTES_PER_MS

    def reset(self) -> None:
        """Count voiced time from zero."""
        self.ms = 0.0
