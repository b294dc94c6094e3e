"""Resampling between the line's 8 kHz and the agent's 24 kHz, the ratio being exactly three.

The same linear-phase low-pass filter serves both ways: it removes the images that tripling the rate makes,
and what would fold back into the speech band when the rate is divided. Samples are integers and taps are
multiples of 2**-24, so every product and every partial sum fits the 53 bits of a double: nothing is rounded
before the end, the order of summation cannot matter, and the output is the same whatever the chunking.
"""

import functools
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

RATIO: Final = 3
"""Agent samples for each line sample."""

DELAY: Final = 15
"""Delay of either direction in samples of 8 kHz: 1.875 ms."""

_HALF: Final = DELAY * RATIO  # taps on either side of the middle one: a whole number of line samples
_CUTOFF: Final = 3930 / 24000  # in cycles per sample
_BETA: Final = 7.9  # with the cutoff, trades ripple up to 3.4 kHz for rejection from 4.6 kHz on
_TAP_SCALE: Final = 2.0**24

# Line samples to a matrix row: of 8 to 160, the fastest on a frame of 160, and on the 1600 that are gathered.
_UP_BLOCK: Final = 10
_DOWN_BLOCK: Final = 20
_ROWS: Final = 80  # at most 200 ms to a product: more, and BLAS would wake its threads for each
_LENGTHS: Final = 64  # of feeds, whose views are kept: a peer uses few
_LOWEST: Final = np.array(-32768.0)  # arrays, because ufuncs take them faster than Python numbers
_HIGHEST: Final = np.array(32767.0)


def _design() -> NDArray[np.float64]:
    """Return the taps at 24 kHz, shape (91,), of unit gain: a sinc under a Kaiser window."""
    position = np.arange(-_HALF, _HALF + 1)
    taps: NDArray[np.float64] = np.sinc(2 * _CUTOFF * position) * np.kaiser(len(position), _BETA)
    return np.rint(taps / float(taps.sum()) * _TAP_SCALE) / _TAP_SCALE


TAPS: Final = _design()
"""The filter at 24 kHz, shape (91,), gain one at 0 Hz."""


class _Bench:
    """Where all filters of one direction work: a row of inputs times a fixed matrix is a block of outputs.

    Filters work one after the other and leave nothing here but scribble: not for two threads at once.
    """

    def __init__(self, matrix: NDArray[np.float64], block: int) -> None:
        row, produced = matrix.shape
        self.matrix = matrix
        self.piece = _ROWS * block
        self._block = block
        self._history = history = row - block
        self._produced = produced
        self._inputs = np.zeros(history + self.piece)
        step = self._inputs.itemsize
        self._rows = as_strided(self._inputs, (_ROWS, row), (block * step, step))
        self._outputs = np.empty((_ROWS, produced))
        # As bytes, which cost a fraction of what assigning one small array to another does.
        self.old = self._inputs[:history].data.cast("B")
        self.silence = bytes(len(self.old))
        self.views = functools.lru_cache(maxsize=_LENGTHS)(self._views)

    def _views(self, count: int) -> "_Views":
        """What to work with when so many samples come."""
        rows = -(-count // self._block)
        outputs = self._outputs[:rows]
        return _Views(
            new=self._inputs[self._history : self._history + count],
            rows=self._rows[:rows],
            outputs=outputs,
            whole=outputs.reshape(-1)[: count * self._produced // self._block],
            newest=self._inputs[count : count + self._history],
        )


class _Views(NamedTuple):
    """Parts of a bench. Slicing them anew would cost a third of a filter's time."""

    new: NDArray[np.float64]
    rows: NDArray[np.float64]
    outputs: NDArray[np.float64]
    whole: NDArray[np.float64]
    newest: NDArray[np.float64]


class _Filter:
    """A FIR filter applied block by block; of its own it has only what it must remember."""

    def __init__(self, bench: _Bench) -> None:
        self._bench = bench
        self._history = bench.silence

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take samples, shape (n,), and return what they yield, saturated to 16 bits."""
        bench = self._bench
        if len(samples) > bench.piece:
            pieces = range(0, len(samples), bench.piece)
            return np.concatenate([self.feed(samples[at : at + bench.piece]) for at in pieces])
        new, rows, outputs, whole, newest = bench.views(len(samples))
        bench.old[:] = self._history
        new[:] = samples
        # A last row that is not full reads old samples as its newest: they reach only outputs left out below.
        rows.dot(bench.matrix, outputs)
        self._history = newest.tobytes()
        np.rint(whole, out=whole)
        whole.clip(_LOWEST, _HIGHEST, whole)
        return whole.astype(np.int16)

    def reset(self) -> None:
        """Forget what was heard, as if silence had come before."""
        self._history = self._bench.silence


def _up_matrix() -> NDArray[np.float64]:
    """Return the matrix from old and new line samples to agent samples."""
    matrix = np.zeros((2 * DELAY + _UP_BLOCK, RATIO * _UP_BLOCK))
    for column in range(RATIO * _UP_BLOCK):
        # Tap k falls on a line sample when the output less k is a multiple of three.
        taps = TAPS[column % RATIO :: RATIO] * RATIO
        newest = 2 * DELAY + column // RATIO
        matrix[newest - len(taps) + 1 : newest + 1, column] = taps[::-1]
    return matrix


def _down_matrix() -> NDArray[np.float64]:
    """Return the matrix from old and new agent samples to line samples."""
    matrix = np.zeros((2 * _HALF + RATIO * _DOWN_BLOCK, _DOWN_BLOCK))
    for column in range(_DOWN_BLOCK):
        newest = 2 * _HALF + RATIO * column
        matrix[newest - 2 * _HALF : newest + 1, column] = TAPS[::-1]
    return matrix


_UP: Final = _Bench(_up_matrix(), _UP_BLOCK)
_DOWN: Final = _Bench(_down_matrix(), RATIO * _DOWN_BLOCK)


class Upsampler(_Filter):
    """8 kHz to 24 kHz: n samples in, 3 n samples out, 1.875 ms late."""

    def __init__(self) -> None:
        super().__init__(_UP)


class Downsampler(_Filter):
    """24 kHz to 8 kHz: 3 n samples in, n samples out, 1.875 ms late; always feed a multiple of three."""

    def __init__(self) -> None:
        super().__init__(_DOWN)
