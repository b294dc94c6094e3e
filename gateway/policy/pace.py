"""How fast calls leave: never more than Twilio takes, and in turn for those who wait.

Twilio queues what comes faster than an account's calls per second, out of our sight and for up to a day. So
the queue is here, where it is short and can be given up.
https://www.twilio.com/docs/voice/api/call-resource
"""

from collections import OrderedDict, deque
from typing import Final, Generic, TypeVar

from gateway.errors import SettingsError

Item = TypeVar("Item")

_LEEWAY_S: Final = 1e-9
"""Sums of seconds are off by less; a deadline that was met must not be missed for it."""


class Pacer(Generic[Item]):
    """Calls that wait to leave, by key; keys take turns.

    In any ``w`` seconds at most ``burst + rate_per_s * w`` leave.

    Args:
        rate_per_s: Calls a second.
        burst: Calls that may leave at once after a pause.
        most: Calls that may wait.
        most_of_key: Calls of one key that may wait.

    Raises:
        SettingsError: a rate or bound is not positive.
    """

    def __init__(
        self, rate_per_s: float = 0.8, burst: int = 1, *, most: int = 1000, most_of_key: int = 200
    ) -> None:
        if not 0 < rate_per_s < float("inf") or min(burst, most, most_of_key) < 1:
            raise SettingsError("the pace and the bounds of its queue must be more than nothing")
        self._every_s = 1.0 / rate_per_s
        self._slack_s = (burst - 1) * self._every_s
        self._most = most
        self._most_of_key = most_of_key
        self._queues: OrderedDict[str, deque[Item]] = OrderedDict()  # whose turn is next is first
        self._spent_until = float("-inf")  # when the rate has made up for all that left
        self.waiting = 0

    @property
    def deadline(self) -> float | None:
        """When the next call may leave, in seconds of the caller's clock; nothing waits: ``None``."""
        return self._spent_until - self._slack_s if self.waiting else None

    def add(self, key: str, item: Item) -> bool:
        """Let a call wait; ``False`` if there is no room for it."""
        queue = self._queues.get(key)
        if self.waiting >= self._most or (queue is not None and len(queue) >= self._most_of_key):
            return False
        self._queues.setdefault(key, deque()).append(item)
        self.waiting += 1
        return True

    def remove(self, key: str, item: Item) -> bool:
        """Give up one that waits; ``False`` if it does not, or no longer."""
        queue = self._queues.get(key)
        if queue is None or item not in queue:
            return False
        queue.remove(item)
        self._forget_empty(key)
        self.waiting -= 1
        return True

    def take(self, now: float) -> Item | None:
        """The call that leaves now, if one may; ask again until there is none."""
        due = self.deadline
        if due is None or now < due - _LEEWAY_S:
            return None
        key, queue = next(iter(self._queues.items()))
        item = queue.popleft()
        self._queues.move_to_end(key)
        self._forget_empty(key)
        self.waiting -= 1
        self._spent_until = max(self._spent_until, now) + self._every_s
        return item

    def _forget_empty(self, key: str) -> None:
        if not self._queues[key]:
            del self._queues[key]
