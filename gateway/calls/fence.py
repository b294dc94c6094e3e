"""The fence: a process that was stopped, and may have lost its calls, does nothing before it knows better."""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

_MOST_HELD: Final = 20_000
"""Events of all calls of a process while it waits for word; the oldest go first."""


class Fence:
    """Whether this process may still act for its calls, as seconds of the monotonic clock.

    It is open until told when it is to shut: whoever keeps no leases is alone. While it is shut, what happens
    to calls is held, in order; what opens it has released the calls that are another process's before.
    """

    def __init__(self) -> None:
        self._until = inf
        self._held: deque[Callable[[], None]] = deque(maxlen=_MOST_HELD)

    def shut(self, now: float) -> bool:
        """Whether nothing may be done: one comparison, asked for every event of every call."""
        return now > self._until

    def hold(self, work: Callable[[], None]) -> None:
        """Do this once it is known that it may be done."""
        self._held.append(work)

    def open(self, until: float) -> None:
        """This process is known to be alive, and counts as such so long."""
        self._until = until
        while self._held:
            self._held.popleft()()
