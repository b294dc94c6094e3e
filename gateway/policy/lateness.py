"""How late frames are: the sign that a process carries as many calls as it can, or more.

What is measured is frames of nobody's: a timer that comes with every third of them, which is as late as
any frame that is to be read at that moment. A pause of the process makes late all of the frames it spans.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from typing import Final

FRAME_S: Final = 0.02
_FRAMES: Final = 3
LOOK_S: Final = _FRAMES * FRAME_S
"""From one look to the next: a wake-up of a process costs more than what it then does."""
WINDOW_S: Final = 5.0
_NEWEST_S: Final = 2.0
_SLICE_S: Final = 0.5
_BOUNDS_S: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.07),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0),
)
_LATE_SLICES: Final = 2
"""One pause, however long, is over when it is noticed: only frames that are late again and again say more."""


class _Slice:
    """The frames of half a second, counted by how late they were."""

    __slots__ = ("counts", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.counts = [0] * len(_BOUNDS_S)


class Lateness:
    """How late frames were in the last five seconds."""

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque(maxlen=round(WINDOW_S / _SLICE_S))

    def note(self, late_s: float, now: float) -> None:
        """A look that was due has come, so late, as are the frames it is for; more came due meanwhile."""
        number = int(now / _SLICE_S)
        if not self._slices or self._slices[-1].number != number:
            self._slices.append(_Slice(number))
        counts = self._slices[-1].counts
        late_s = min(late_s, WINDOW_S)
        counts[bisect_left(_BOUNDS_S, late_s)] += _FRAMES
        while (late_s := late_s - FRAME_S) > 0:
            counts[bisect_left(_BOUNDS_S, late_s)] += 1

    def p99_s(self, now: float, within_s: float = WINDOW_S) -> float:
        """What 99 of 100 frames were not later than; rounded up by a third or so."""
        slices = self._newest(now, within_s)
        counts = [sum(column) for column in zip(*(each.counts for each in slices), strict=True)]
        beyond = sum(counts) // 100
        for bound_s, count in zip(reversed(_BOUNDS_S), reversed(counts), strict=False):
            if count > beyond:
                return bound_s
            beyond -= count
        return 0.0

    def late(self, limit_s: float, now: float, *, already: bool) -> bool:
        """Whether frames are too late; once they are, until the last two seconds were twice as good."""
        if self.p99_s(now, _NEWEST_S) <= limit_s / 2:
            return False
        return already or (self.p99_s(now) > limit_s and self._late_slices(limit_s, now) >= _LATE_SLICES)

    def _late_slices(self, limit_s: float, now: float) -> int:
        over = bisect_right(_BOUNDS_S, limit_s)
        return sum(any(each.counts[over:]) for each in self._newest(now, WINDOW_S))

    def _newest(self, now: float, within_s: float) -> list[_Slice]:
        oldest = int((now - within_s) / _SLICE_S) + 1
        return [each for each in self._slices if each.number >= oldest]
