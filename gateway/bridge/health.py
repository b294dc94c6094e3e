"""When a leg talks too much nonsense to go on with it."""

from collections import deque

from gateway.bridge.events import Leg
from gateway.bridge.limits import Limits


class Health:
    """Counts bad messages of each leg in a sliding window."""

    def __init__(self, limits: Limits) -> None:
        self._window_s = limits.bad_window_s
        self._bad: dict[Leg, deque[float]] = {leg: deque(maxlen=limits.bad_messages + 1) for leg in Leg}

    def reset(self, leg: Leg) -> None:
        """The leg is a new one."""
        self._bad[leg].clear()

    def unusable(self, leg: Leg, now: float) -> bool:
        """Note one more bad message; whether that was one too many."""
        times = self._bad[leg]
        times.append(now)
        return len(times) == times.maxlen and now - times[0] <= self._window_s
