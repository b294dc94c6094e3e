"""Where calls wait for their turn, and what every key has used of its limits."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from gateway.ids import E164
from gateway.policy.pace import Pacer
from gateway.policy.quota import Quota, Quotas
from gateway.services.dial_leaving import Leaving
from gateway.services.dial_store import Placed
from gateway.services.dial_terms import DialTimes, LimitReached
from gateway.store.identifiers import CallId, IntentId
from gateway.store.intents import Intent

_FULL_RETRY_S: Final = 30.0
_MOST: Final = 1000


class WaitingRoom:
    """Intents that are to be dialled, at the pace the carrier takes calls."""

    def __init__(self, times: DialTimes, leaving: Leaving) -> None:
        # More than this could not leave before they are too old.
        self._most = max(1, min(_MOST, int(times.rate_per_s * times.too_old_s)))
        self._pacer: Pacer[IntentId] = Pacer(times.rate_per_s, times.burst, most=_MOST)
        self._intents: dict[IntentId, Intent] = {}
        self._leaving = leaving
        self._changed = asyncio.Event()

    def __contains__(self, intent: IntentId) -> bool:
        return intent in self._intents

    @property
    def ids(self) -> list[IntentId]:
        """All that wait."""
        return list(self._intents)

    def check_room(self) -> None:
        """See that another one can wait.

        Raises:
            LimitReached: there is no room.
        """
        if self._pacer.waiting >= self._most:
            raise LimitReached("queue", _FULL_RETRY_S)

    def add(self, intent: Intent) -> bool:
        """Let one wait; ``False`` if there is no room: then it is taken up when its lease is over."""
        if not self._pacer.add(intent.api_key_id, intent.id):
            return False
        self._intents[intent.id] = intent
        self._changed.set()
        return True

    def remove(self, intent: IntentId) -> None:
        """Give one up, if it waits."""
        waiting = self._intents.pop(intent, None)
        if waiting is not None:
            self._pacer.remove(waiting.api_key_id, intent)

    def wake(self) -> None:
        """Have whoever waits for the next one look whether it is time to leave."""
        self._changed.set()

    async def next(self) -> Intent | None:
        """The next one, when it may leave; ``None`` when it is time to end."""
        loop = asyncio.get_running_loop()
        while not self._leaving.now:
            taken = self._pacer.take(loop.time())
            if taken is not None:
                return self._intents.pop(taken)
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._pacer.deadline):
                    await self._changed.wait()
        return None


class Accounts:
    """What every key has used, and which calls are counted as live."""

    def __init__(self, quotas: Quotas) -> None:
        self._quota = Quota(quotas)
        self._live: dict[CallId, str] = {}

    @property
    def live(self) -> list[CallId]:
        """The calls that are counted."""
        return list(self._live)

    def admit(self, key: str, to: E164, call_id: CallId) -> None:
        """Count a call.

        Raises:
            LimitReached: it is one too many.
        """
        refusal = self._quota.admit(key, to, asyncio.get_running_loop().time())
        if refusal is not None:
            raise LimitReached(refusal.limit.value, refusal.retry_after_s)
        self._live[call_id] = key

    def release(self, call_id: CallId) -> None:
        """A call is over."""
        key = self._live.pop(call_id, None)
        if key is not None:
            self._quota.release(key)

    def restore(self, placed: Sequence[Placed], now: datetime) -> None:
        """Count what was placed before this process began, the oldest first."""
        clock = asyncio.get_running_loop().time()
        for call in placed:
            if (
                self._quota.admit(call.key, call.to, clock - max(0.0, (now - call.at).total_seconds()))
                is None
            ):
                self._live[call.call_id] = call.key
                if call.over:
                    self.release(call.call_id)
