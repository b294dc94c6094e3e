"""The two directions of a call: the line's mu-law 8 kHz, the agent's 16-bit little-endian PCM at 24 kHz."""

from typing import Final

from gateway.audio.mulaw import BYTES_PER_MS
from gateway.audio.resample import DELAY, RATIO, Downsampler, Upsampler

_SAMPLE: Final = 2  # bytes of PCM
_STEP: Final = RATIO * _SAMPLE  # to one byte of mu-law

PCM_BYTES_PER_MS: Final = BYTES_PER_MS * _STEP
"""Of agent audio: 24 kHz, 16 bits."""

# The delay and one more, so that the line sample nearest to the last one spoken is sent even if it is later.
_TAIL: Final = (DELAY + 1) * _STEP


class CallerToAgent(Upsampler):
    """Turns n bytes of the caller's mu-law into 6 n bytes of PCM for the agent, 1.875 ms late."""


class AgentToCaller:
    """Turns the agent's PCM into mu-law for the caller, 1.875 ms late."""

    def __init__(self) -> None:
        self._filter = Downsampler()
        # Bytes that do not yet make three samples, always fewer than six.
        self._rest = b""
        # Whether anything was fed since the turn began.
        self._sounding = False

    def feed(self, pcm: bytes) -> bytes:
        """Take any number of bytes of PCM; return a byte of mu-law for each three samples now complete."""
        if self._rest:
            pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % _STEP
        self._rest = pcm[whole:]
        if not whole:
            return b""
        self._sounding = True
        return self._filter.feed(pcm[:whole])

    def flush(self) -> bytes:
        """End the turn: return the 2 ms still to be heard, nothing if nothing was said, and start afresh."""
        rest = self._rest[: len(self._rest) - len(self._rest) % _SAMPLE]
        self._rest = b""
        tail = self.feed(rest.ljust(_TAIL, b"\0")) if rest or self._sounding else b""
        self.reset()
        return tail

    def reset(self) -> None:
        """Forget everything, carried bytes included: the caller barged in."""
        self._filter.reset()
        self._rest = b""
        self._sounding = False
