"""How many calls a key may place, and how often one number may be called.

Windows slide: they know no midnight and no full minute, at which twice as many could pass. What was refused
does not count. Memory is bounded by the limits themselves.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Final

from gateway.errors import SettingsError
from gateway.ids import E164

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_BUSY_RETRY_S: Final = 5.0
"""Nobody knows when a call ends: a guess for those who ask again."""


class Limit(StrEnum):
    """Which limit was reached."""

    CONCURRENT = "concurrent"
    PER_MINUTE = "per_minute"
    PER_DAY = "per_day"
    DESTINATION = "destination"
    CROWDED = "crowded"  # more numbers or keys than are kept account of


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call is not placed now; in ``retry_after_s`` seconds it may be."""

    limit: Limit
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Quotas:
    """How much is allowed; every number is at least 1.

    Raises:
        SettingsError: one is less.
    """

    concurrent: int = 10  # calls of a key at a time
    per_minute: int = 30  # calls of a key in any 60 s
    per_day: int = 1000  # calls of a key in any 24 h
    destination_per_hour: int = 3  # calls to one number in any 60 min, whoever places them
    most_destinations: int = 50_000  # numbers called within the hour
    most_keys: int = 1000

    def __post_init__(self) -> None:
        for each in fields(self):
            if getattr(self, each.name) < 1:
                raise SettingsError(f"the quota {each.name} must be at least 1")


@dataclass(slots=True)
class _Account:
    """What a key has used. Times are seconds of the caller's clock, oldest first."""

    active: int = 0
    placed: deque[float] = field(default_factory=deque)  # within the day


class Quota:
    """The account of calls placed by every key and to every number."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._accounts: dict[str, _Account] = {}
        self._called: OrderedDict[E164, deque[float]] = OrderedDict()  # the one called last is last

    def admit(self, key: str, to: E164, now: float) -> Refusal | None:
        """Count a call, or say why it is not placed; of several reasons, the one that lasts longest."""
        self._forget(now)
        account = self._accounts.get(key) or _Account()
        _drop_before(account.placed, now - _DAY_S)
        refusals = [*self._used_up(account, now), *self._crowded(key, to, now)]
        if refusals:
            return max(refusals, key=lambda refusal: refusal.retry_after_s)
        self._accounts[key] = account
        account.active += 1
        account.placed.append(now)
        self._called.setdefault(to, deque()).append(now)
        self._called.move_to_end(to)
        return None

    def release(self, key: str) -> None:
        """A call that was admitted is over, or was never placed; it stays counted in the windows."""
        account = self._accounts.get(key)
        if account is not None and account.active:
            account.active -= 1

    def active(self, key: str) -> int:
        """How many calls of a key are admitted and not released."""
        account = self._accounts.get(key)
        return account.active if account else 0

    def _used_up(self, account: _Account, now: float) -> list[Refusal]:
        quotas, placed = self._quotas, account.placed
        refusals = [
            Refusal(limit, placed[-allowed] + window_s - now)
            for limit, allowed, window_s in (
                (Limit.PER_MINUTE, quotas.per_minute, _MINUTE_S),
                (Limit.PER_DAY, quotas.per_day, _DAY_S),
            )
            if len(placed) >= allowed and placed[-allowed] > now - window_s
        ]
        if account.active >= quotas.concurrent:
            refusals.append(Refusal(Limit.CONCURRENT, _BUSY_RETRY_S))
        return refusals

    def _crowded(self, key: str, to: E164, now: float) -> list[Refusal]:
        quotas, refusals = self._quotas, []
        called = self._called.get(to, deque())
        _drop_before(called, now - _HOUR_S)
        if len(called) >= quotas.destination_per_hour:
            refusals.append(Refusal(Limit.DESTINATION, called[0] + _HOUR_S - now))
        if to not in self._called and len(self._called) >= quotas.most_destinations:
            oldest = next(iter(self._called.values()))
            refusals.append(Refusal(Limit.CROWDED, oldest[-1] + _HOUR_S - now))
        if key not in self._accounts and len(self._accounts) >= quotas.most_keys:
            refusals.append(Refusal(Limit.CROWDED, _BUSY_RETRY_S))
        return refusals

    def _forget(self, now: float) -> None:
        """Drop what no limit asks about any more."""
        while self._called:
            to, called = next(iter(self._called.items()))
            if called and called[-1] > now - _HOUR_S:
                break
            del self._called[to]
        if len(self._accounts) >= self._quotas.most_keys:
            for key, account in list(self._accounts.items()):
                _drop_before(account.placed, now - _DAY_S)
                if not account.active and not account.placed:
                    del self._accounts[key]


def _drop_before(times: deque[float], end: float) -> None:
    while times and times[0] <= end:
        times.popleft()
