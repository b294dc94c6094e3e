"""The emulator's time: seconds that pass ``speed`` times as fast as the loop's."""

import asyncio
from typing import Protocol


class Clock(Protocol):
    """A time axis, in emulated seconds."""

    speed: float

    def now(self) -> float:
        """Seconds since the axis began."""
        ...

    def real(self, seconds: float) -> float:
        """How long so many emulated seconds take on the loop's clock."""
        ...


class LoopClock:
    """Time since its making, on the running loop's monotonic clock.

    Args:
        speed: How many emulated seconds pass in a real one.

    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("speed must be above 0")
        self.speed = speed
        self._start = asyncio.get_running_loop().time()

    def now(self) -> float:
        """Emulated seconds since this clock was made."""
        return (asyncio.get_running_loop().time() - self._start) * self.speed

    def real(self, seconds: float) -> float:
        """How long so many emulated seconds take on the loop's clock; never negative."""
        return max(0.0, seconds / self.speed)
