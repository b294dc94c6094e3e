"""Token buckets: how often somebody may ask. Time is an argument, memory is bounded."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_LEEWAY: Final = 1e-9
"""Sums of seconds are off by less; a token that is due must not be refused for it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests at once, and so many a second in the long run."""

    burst: int = 60
    per_s: float = 20.0

    @property
    def window_s(self) -> int:
        """Seconds in which an empty bucket is full again."""
        return math.ceil(self.burst / self.per_s)


@dataclass(frozen=True, slots=True)
class Level:
    """How a bucket stands: whether there was a token, how many are left, seconds until there is one more."""

    granted: bool
    left: int
    wait_s: float


class Buckets:
    """A bucket for each name; the one not used for longest makes room for a new one.

    Args:
        rate: Of each of them.
        most: Buckets that are kept. A forgotten one is full when it is next asked for.
    """

    def __init__(self, rate: Rate, most: int = 10_000) -> None:
        self.rate = rate
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when

    def take(self, name: str, now: float) -> Level:
        """Take a token, if there is one."""
        tokens = self._tokens(name, now)
        granted = tokens >= 1 - _LEEWAY
        if granted:
            tokens = max(0.0, tokens - 1)
        self._buckets[name] = tokens, now
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return self._level(tokens, granted)

    def look(self, name: str, now: float) -> Level:
        """See how it stands; nothing is taken."""
        tokens = self._tokens(name, now)
        return self._level(tokens, tokens >= 1 - _LEEWAY)

    def _tokens(self, name: str, now: float) -> float:
        tokens, then = self._buckets.get(name, (float(self.rate.burst), now))
        return min(float(self.rate.burst), tokens + max(0.0, now - then) * self.rate.per_s)

    def _level(self, tokens: float, granted: bool) -> Level:
        missing = 1 - (tokens - math.floor(tokens + _LEEWAY)) if tokens < self.rate.burst else 0.0
        return Level(granted, math.floor(tokens + _LEEWAY), missing / self.rate.per_s)
