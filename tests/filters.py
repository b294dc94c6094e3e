"""The filters between samples and samples, so that nothing but them is heard: no mu-law."""

import numpy as np
from numpy.typing import NDArray

from gateway.audio import resample
from gateway.audio.coding import PCM


class _BetweenSamples(resample.Filter):
    def filter(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """What samples yield: shape (n,) in, (3 n,) or (n / 3,) out."""
        return np.frombuffer(self.feed(samples.astype("<i2").tobytes()), "<i2")


class Upsampler(resample.Upsampler, _BetweenSamples):
    """8 kHz to 24 kHz."""

    def __init__(self) -> None:
        super().__init__(PCM)


class Downsampler(resample.Downsampler, _BetweenSamples):
    """24 kHz to 8 kHz."""

    def __init__(self) -> None:
        super().__init__(PCM)
