"""Waiting, always with a deadline, until something has become true."""

import asyncio
from collections.abc import Callable


class Pulse:
    """Wakes those who wait for a condition whenever something happened that may have made it true."""

    def __init__(self) -> None:
        self._beaten = asyncio.Event()
        self._waiting = 0

    def beat(self) -> None:
        """Something happened."""
        if self._waiting:
            self._beaten.set()
            self._beaten = asyncio.Event()

    async def until(self, condition: Callable[[], object], timeout_s: float) -> bool:
        """Wait until the condition holds, or for so many seconds; return whether it holds."""
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await self._beaten.wait()
        except TimeoutError:
            return bool(condition())
        finally:
            self._waiting -= 1
        return True
