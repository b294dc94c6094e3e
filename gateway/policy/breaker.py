"""When a peer that fails all the time is left alone, so that nobody waits for what will not come."""

from collections import deque
from enum import Enum
from typing import Final

FAILURES: Final = 5
WITHIN_S: Final = 10.0
PROBE_EVERY_S: Final = 1.0


class State(Enum):
    """Whether a peer is asked."""

    CLOSED = "closed"  # it works, as far as is known
    OPEN = "open"  # it does not: only a probe is let through now and then


class Breaker:
    """Opens after so many failures within so many seconds; then lets one request a second find out.

    Args:
        failures: How many open it.
        within_s: In how many seconds.
        probe_every_s: How often one request is let through while it is open.
    """

    def __init__(
        self, failures: int = FAILURES, within_s: float = WITHIN_S, probe_every_s: float = PROBE_EVERY_S
    ) -> None:
        self._within_s = within_s
        self._probe_every_s = probe_every_s
        self._failures: deque[float] = deque(maxlen=failures)
        self._probe_at = 0.0
        self.state = State.CLOSED

    def admit(self, now: float) -> bool:
        """Whether a request may be sent now; while it is open, this one is the probe."""
        if self.state is State.OPEN:
            if now < self._probe_at:
                return False
            self._probe_at = now + self._probe_every_s
        return True

    def wait_s(self, now: float) -> float:
        """How long until a request may be sent."""
        return max(0.0, self._probe_at - now) if self.state is State.OPEN else 0.0

    def failed(self, now: float) -> bool:
        """A request failed; tell whether this one opened it."""
        self._failures.append(now)
        full = len(self._failures) == self._failures.maxlen
        if self.state is State.OPEN or not full or now - self._failures[0] > self._within_s:
            return False
        self.state = State.OPEN
        self._probe_at = now + self._probe_every_s
        return True

    def succeeded(self) -> bool:
        """A request did what it should; tell whether this one closed it."""
        was_open = self.state is State.OPEN
        self.state = State.CLOSED
        self._failures.clear()
        return was_open
