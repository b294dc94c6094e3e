"""What waits to be written to the caller's socket: bounded, in order, and without waiting for it."""

import asyncio
from collections import deque
from typing import Final

from gateway.errors import Fault, GatewayError

BOUND: Final = 512
"""Messages. The playout lead keeps it far below: a full outbox means that nobody reads."""


class Full(GatewayError):
    """The peer reads so slowly that its outbox is full."""

    fault = Fault.PEER


class Outbox:
    """A queue with one writer task behind it; ``put`` never waits."""

    def __init__(self) -> None:
        self._messages: deque[tuple[str, float]] = deque()
        self._ready = asyncio.Event()
        self._taken = False  # a message is in the writer's hands

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being written: what is written now comes behind all of it."""
        return not self._messages and not self._taken

    def put(self, message: str, at: float) -> None:
        """Queue a message; ``at`` is the time it came up.

        Raises:
            Full: there is no room.
        """
        if len(self._messages) >= BOUND:
            raise Full
        self._messages.append((message, at))
        self._ready.set()

    def drop(self) -> None:
        """Forget what has not been written: what follows makes it pointless."""
        self._messages.clear()

    async def get(self) -> tuple[str, float]:
        """Take the next message, waiting for one if need be; the one taken before has been written."""
        self._taken = False
        while not self._messages:
            self._ready.clear()
            await self._ready.wait()
        self._taken = True
        return self._messages.popleft()
