"""A sound of its own for each caller and each session, by which any millisecond of it is known anywhere.

The sounds are those of the load test: a second of noise, repeated. Eight samples of a telephone's, or four of
a session's, are enough to know whose they are, wherever they begin and whatever surrounds them.
"""

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.emulators.load.sound import agent_sound, caller_sound

NOBODY: Final = -1
_WINDOW: Final = 8  # bytes
_STEP: Final = 4  # every so manieth place of a known sound is entered
_LEAST_HITS: Final = 3
"""So many places of a stretch must be somebody's: one might be chance."""

Owners = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Voice:
    """What somebody sends, repeated every second, and what must arrive of it at the other end."""

    sent: bytes = field(repr=False)
    heard: bytes = field(repr=False)

    def stretch(self, size: int, at: int = 0) -> bytes:
        """So many bytes of what is sent, from a place on."""
        at %= len(self.sent)
        times = (at + size) // len(self.sent) + 1
        return (self.sent * times)[at : at + size]


def caller_voice(number: int) -> Voice:
    """Of a caller: mu-law is sent, PCM16 at 24 kHz is heard."""
    sound = caller_sound(number)
    return Voice(b"".join(map(b64decode, sound.sent)), b"".join(sound.heard))


def agent_voice(number: int) -> Voice:
    """Of a session: PCM16 at 24 kHz is sent, mu-law is heard."""
    sound = agent_sound(number)
    return Voice(b"".join(map(b64decode, sound.sent)), b"".join(sound.heard))


class Watermarks:
    """Knows the sounds of one direction.

    Args:
        sample_bytes: 1 for mu-law, 2 for PCM16.

    """

    def __init__(self, sample_bytes: int) -> None:
        self._sample_bytes = sample_bytes
        self._known: dict[int, npt.NDArray[np.uint64]] = {}
        self._keys: npt.NDArray[np.uint64] | None = None
        self._owners: Owners = np.empty(0, np.int32)

    def add(self, owner: int, heard: bytes) -> None:
        """Know a second of sound, which is repeated, as somebody's."""
        around = heard + heard[: _WINDOW * _STEP]
        self._known[owner] = _windows(around, self._sample_bytes)[::_STEP].copy()
        self._keys = None

    def forget(self, owner: int) -> None:
        """Know somebody's sound no longer."""
        if self._known.pop(owner, None) is not None:
            self._keys = None

    def owners(self, sound: bytes) -> Owners:
        """Whose sound begins at each sample; ``NOBODY`` where none is known to."""
        windows = _windows(sound, self._sample_bytes)
        found = np.full(len(sound) // self._sample_bytes, NOBODY, np.int32)
        keys = self._sorted()
        if len(keys) and len(windows):
            at = np.minimum(np.searchsorted(keys, windows), len(keys) - 1)
            found[: len(windows)] = np.where(keys[at] == windows, self._owners[at], NOBODY)
        return found

    def heard_in(self, sound: bytes) -> dict[int, float]:
        """Who is heard in a sound, and for about how many of its samples."""
        owners, counts = np.unique(self.owners(sound), return_counts=True)
        return {
            int(owner): float(count * _STEP)
            for owner, count in zip(owners, counts, strict=True)
            if owner != NOBODY and count >= _LEAST_HITS
        }

    def by_frame(self, sound: bytes, frame: int) -> Owners:
        """Who is heard in each frame of so many samples."""
        owners = self.owners(sound)
        frames = owners[: len(owners) - len(owners) % frame].reshape(-1, frame)
        best = frames.max(axis=1)
        hits = (frames == best[:, None]).sum(axis=1)
        return np.where((best != NOBODY) & (hits >= _LEAST_HITS), best, NOBODY).astype(np.int32)

    def _sorted(self) -> npt.NDArray[np.uint64]:
        if self._keys is None:
            keys = np.concatenate([np.empty(0, np.uint64), *self._known.values()])
            owners = [np.full(len(windows), owner, np.int32) for owner, windows in self._known.items()]
            order = np.argsort(keys, kind="stable")
            self._keys = keys[order]
            self._owners = np.concatenate([np.empty(0, np.int32), *owners])[order]
        return self._keys


def _windows(sound: bytes, sample_bytes: int) -> npt.NDArray[np.uint64]:
    """Eight bytes from each sample on, as a number."""
    if len(sound) < _WINDOW:
        return np.empty(0, np.uint64)
    views = np.lib.stride_tricks.sliding_window_view(np.frombuffer(sound, np.uint8), _WINDOW)
    return np.ascontiguousarray(views[::sample_bytes]).view(np.uint64).ravel()
