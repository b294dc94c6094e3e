"""Waiting that ends when it is time to leave: nothing is broken off in the middle of a transaction."""

import asyncio
from contextlib import suppress


class Leaving:
    """Whether what runs in the background should end."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def now(self) -> bool:
        """Whether it is time."""
        return self._event.is_set()

    def begin(self) -> None:
        """It is time: whoever waits goes on, and should end."""
        self._event.set()

    def reset(self) -> None:
        """Work begins (anew)."""
        self._event.clear()

    async def pause(self, seconds: float | None) -> bool:
        """Wait so many seconds, or until it is time to leave; return whether it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        return self.now
