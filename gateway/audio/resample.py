"""Resampling between the line's 8 kHz and the agent's 24 kHz, the ratio being exactly three.

The same linear-phase low-pass filter serves both ways: it removes the images that tripling the rate makes,
and what would fold back into the speech band when the rate is divided. Samples are integers and a half, and
taps are multiples of 2**-24, so every product and every partial sum fits the 53 bits of a double: nothing is
rounded before the end, the order of summation cannot matter, and the output is the same for any chunking.
"""

import functools
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from gateway.audio.coding import MULAW, PCM, Coding

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
_PRODUCTS: Final = 2**18  # of numbers, in one of matrices: for more, BLAS would wake its threads
_LENGTHS: Final = 64  # of feeds, whose views are kept: a peer uses few


def _design(gain: int) -> NDArray[np.float64]:
    """Return the taps at 24 kHz, shape (91,): a sinc under a Kaiser window.

    Every ``gain``-th tap makes an output, and those of each output sum up to one exactly. So what all inputs
    are raised by, all outputs are raised by.
    """
    position = np.arange(-_HALF, _HALF + 1)
    ideal: NDArray[np.float64] = np.sinc(2 * _CUTOFF * position) * np.kaiser(len(position), _BETA)
    taps = np.rint(ideal / float(ideal.sum()) * gain * _TAP_SCALE)
    for largest in range(_HALF - gain // 2, _HALF + gain // 2 + 1):
        taps[largest] += _TAP_SCALE - float(taps[largest % gain :: gain].sum())
    return taps / _TAP_SCALE


UP_TAPS: Final = _design(RATIO)
"""The filter at 24 kHz for a signal in which two of three samples are zero, shape (91,)."""

DOWN_TAPS: Final = _design(1)
"""The filter at 24 kHz, shape (91,), gain one at 0 Hz."""


class _Bench:
    """Where all filters of one kind work: a row of inputs times a fixed matrix is a block of outputs.

    Filters work one after the other and leave nothing here but scribble: not for two threads at once.
    """

    def __init__(self, matrix: NDArray[np.float64], block: int, read: Coding, written: Coding) -> None:
        row, produced = matrix.shape
        rows = _PRODUCTS // matrix.size
        self._matrix = matrix
        self._read = read.read
        self._codes = written.codes
        self.silence = read.silence * (row - block)
        self._width = len(read.silence)
        self.step = block * self._width
        self.piece = rows * self.step
        self.yielded = produced * written.codes.itemsize
        self._block = block
        self._produced = produced
        self._inputs = np.zeros(row - block + rows * block)
        step = self._inputs.itemsize
        self._rows = as_strided(self._inputs, (rows, row), (block * step, step))
        self._outputs = np.empty((rows, produced))
        self._places = np.empty(rows * produced, np.intp)
        self._written = np.empty(rows * produced, written.codes.dtype)
        self._views_of = functools.lru_cache(maxsize=_LENGTHS)(self._views)

    def work(self, data: bytes) -> bytes:
        """What the bytes of new samples yield, ``silence`` or as many of before in front; at most a piece."""
        inputs, rows, outputs, whole, places, written = self._views_of(len(data))
        self._read(data, inputs)
        # A last row that is not full reads old samples as its newest: they reach only outputs left out below.
        rows.dot(self._matrix, outputs)
        places[:] = whole
        self._codes.take(places, None, written, "clip")
        return written.tobytes()

    def _views(self, size: int) -> "_Views":
        """What to work with when there are so many bytes, those of before included."""
        new = (size - len(self.silence)) // self._width
        rows, made = -(-new // self._block), new * self._produced // self._block
        outputs = self._outputs[:rows]
        return _Views(
            inputs=self._inputs[: size // self._width],
            rows=self._rows[:rows],
            outputs=outputs,
            whole=outputs.reshape(-1)[:made],
            places=self._places[:made],
            written=self._written[:made],
        )


class _Views(NamedTuple):
    """Parts of a bench. Slicing them anew would cost a third of a filter's time."""

    inputs: NDArray[np.float64]
    rows: NDArray[np.float64]
    outputs: NDArray[np.float64]
    whole: NDArray[np.float64]
    places: NDArray[np.intp]
    written: NDArray[Any]


class Filter:
    """A FIR filter applied block by block; of its own it has only the bytes it must remember."""

    def __init__(self, bench: _Bench) -> None:
        self.bench = bench
        self._before = bench.silence

    def feed(self, data: bytes) -> bytes:
        """Take the bytes of whole samples, and return those of what they yield, saturated to 16 bits."""
        bench = self.bench
        if len(data) > bench.piece:
            pieces = range(0, len(data), bench.piece)
            return b"".join([self.feed(data[at : at + bench.piece]) for at in pieces])
        return bench.work(self.behind(data))

    def behind(self, data: bytes) -> bytes:
        """Put bytes behind those of before, and keep the last of them for the next."""
        data = self._before + data
        self._before = data[-len(self.bench.silence) :]
        return data

    def reset(self) -> None:
        """Forget what was heard, as if silence had come before."""
        self._before = self.bench.silence

    @staticmethod
    def feed_all(fed: Sequence["tuple[Filter, bytes]"]) -> list[bytes]:
        """Feed different filters of one kind, whole samples each; return what each yields.

        Their samples stand in one row, as if they were one filter's, so that there is one product for many.
        What that makes of the end of one and the beginning of the next is left out.
        """
        bench = fed[0][0].bench
        made: list[bytes] = []
        row: list[bytes] = []
        ends: list[tuple[int, int]] = []
        at = 0
        for one, data in fed:
            if at + len(bench.silence) + len(data) > bench.piece:
                made += _cut(bench, row, ends)
                row, ends, at = [], [], 0
            if len(data) + len(bench.silence) > bench.piece:
                made.append(one.feed(data))
                continue
            piece = one.behind(data)
            steps = -(-len(piece) // bench.step)
            row.append(piece.ljust(steps * bench.step, b"\0"))
            ends.append((at, len(data)))
            at += steps * bench.step
        return made + _cut(bench, row, ends)


def _cut(bench: _Bench, row: list[bytes], ends: list[tuple[int, int]]) -> list[bytes]:
    """What a row of pieces yields, whose own begin at so many bytes of it, and are so long."""
    if not row:
        return []
    made, step, yielded = bench.work(b"".join(row)), bench.step, bench.yielded
    return [made[at * yielded // step : (at + size) * yielded // step] for at, size in ends]


def _up_matrix() -> NDArray[np.float64]:
    """Return the matrix from old and new line samples to agent samples."""
    matrix = np.zeros((2 * DELAY + _UP_BLOCK, RATIO * _UP_BLOCK))
    for column in range(RATIO * _UP_BLOCK):
        # Tap k falls on a line sample when the output less k is a multiple of three.
        taps = UP_TAPS[column % RATIO :: RATIO]
        newest = 2 * DELAY + column // RATIO
        matrix[newest - len(taps) + 1 : newest + 1, column] = taps[::-1]
    return matrix


def _down_matrix() -> NDArray[np.float64]:
    """Return the matrix from old and new agent samples to line samples."""
    matrix = np.zeros((2 * _HALF + RATIO * _DOWN_BLOCK, _DOWN_BLOCK))
    for column in range(_DOWN_BLOCK):
        newest = 2 * _HALF + RATIO * column
        matrix[newest - 2 * _HALF : newest + 1, column] = DOWN_TAPS[::-1]
    return matrix


@functools.cache
def _up_bench(line: Coding) -> _Bench:
    return _Bench(_up_matrix(), _UP_BLOCK, line, PCM)


@functools.cache
def _down_bench(line: Coding) -> _Bench:
    return _Bench(_down_matrix(), RATIO * _DOWN_BLOCK, PCM, line)


class Upsampler(Filter):
    """8 kHz to PCM at 24 kHz: n samples in, 3 n samples out, 1.875 ms late."""

    def __init__(self, line: Coding = MULAW) -> None:
        super().__init__(_up_bench(line))


class Downsampler(Filter):
    """PCM at 24 kHz to 8 kHz: 3 n samples in, n out, 1.875 ms late; always feed a multiple of three."""

    def __init__(self, line: Coding = MULAW) -> None:
        super().__init__(_down_bench(line))
