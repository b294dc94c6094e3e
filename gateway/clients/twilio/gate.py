"""How many requests to Twilio are under way, and who goes first: whoever is on the telephone."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final

from gateway.clients.twilio.codes import TOO_MANY_REQUESTS
from gateway.errors import VendorThrottled, VendorUnreachable
from gateway.policy.slowdown import Slowdown

AT_ONCE: Final = 10
OTHERS_AT_ONCE: Final = 6
_MOST_WAITING: Final = 1000


class Urgency(StrEnum):
    """What a request is for."""

    LIVE = "live"
    """A call that somebody is on."""
    OTHER = "other"
    """A call to be placed, a number, a list."""


class Gate:
    """Lets requests through, no more than so many at once; live calls first, and always some of them.

    When Twilio asks to slow down, everything but live calls rests.

    Args:
        waited: Told how long each request waited here, in seconds.
        throttled: Told of each answer to slow down.
        at_once: How many requests there are at most.
        others_at_once: How many of these may be for other things than live calls.
    """

    def __init__(
        self,
        waited: Callable[[Urgency, float], object] = lambda _urgency, _seconds: None,
        throttled: Callable[[Urgency], object] = lambda _urgency: None,
        *,
        at_once: int = AT_ONCE,
        others_at_once: int = OTHERS_AT_ONCE,
    ) -> None:
        self._waited = waited
        self._tell = throttled
        self._room = {Urgency.LIVE: at_once, Urgency.OTHER: others_at_once}
        self._under_way = dict.fromkeys(Urgency, 0)
        self._waiting: dict[Urgency, deque[asyncio.Future[None]]] = {each: deque() for each in Urgency}
        self._slowdown = Slowdown()

    @asynccontextmanager
    async def passing(self, urgency: Urgency, within_s: float) -> AsyncIterator[None]:
        """One request is under way in here.

        Raises:
            VendorThrottled: Twilio wants to be left in peace for longer than ``within_s``; it was not asked.
            VendorUnreachable: others were in the way for so long; it was not asked.
        """
        now = asyncio.get_running_loop().time
        began = now()
        if urgency is Urgency.OTHER:
            await self._rest(within_s)
        await self._enter(urgency, began + within_s)
        self._waited(urgency, now() - began)
        try:
            yield
        finally:
            self._leave(urgency)

    def throttled(self, urgency: Urgency, asked_s: float | None) -> float:
        """Twilio asked to slow down; tell for how long everything but live calls rests now."""
        self._tell(urgency)
        now = asyncio.get_running_loop().time()
        return self._slowdown.throttled(now, random.random(), asked_s)  # noqa: S311 - no secret

    def answered(self) -> None:
        """Twilio answered otherwise."""
        self._slowdown.answered(asyncio.get_running_loop().time())

    async def _rest(self, within_s: float) -> None:
        now = asyncio.get_running_loop().time
        rest_s = self._slowdown.wait_s(now())
        if rest_s > within_s:
            raise VendorThrottled(
                "Twilio asked to slow down just now", status=429, code=TOO_MANY_REQUESTS, retry_after_s=rest_s
            )
        if rest_s:
            await asyncio.sleep(rest_s)

    async def _enter(self, urgency: Urgency, until: float) -> None:
        if self._may_enter(urgency):
            self._under_way[urgency] += 1
            return
        if len(self._waiting[urgency]) >= _MOST_WAITING:
            raise VendorUnreachable("Twilio was not asked: too many requests wait")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[urgency].append(turn)
        try:
            async with asyncio.timeout_at(until):
                await turn
        except TimeoutError:
            self._withdraw(urgency, turn)
            raise VendorUnreachable("Twilio was not asked: other requests take too long") from None
        except asyncio.CancelledError:
            self._withdraw(urgency, turn)
            raise

    def _withdraw(self, urgency: Urgency, turn: "asyncio.Future[None]") -> None:
        if turn.done() and not turn.cancelled():  # the turn came, and nobody was there any more
            self._leave(urgency)
        elif turn in self._waiting[urgency]:
            self._waiting[urgency].remove(turn)

    def _leave(self, urgency: Urgency) -> None:
        self._under_way[urgency] -= 1
        for each in Urgency:  # the live ones first
            waiting = self._waiting[each]
            while waiting and self._has_room(each):
                turn = waiting.popleft()
                if not turn.done():
                    self._under_way[each] += 1
                    turn.set_result(None)

    def _may_enter(self, urgency: Urgency) -> bool:
        return not self._waiting[urgency] and self._has_room(urgency)

    def _has_room(self, urgency: Urgency) -> bool:
        if sum(self._under_way.values()) >= self._room[Urgency.LIVE]:
            return False
        return urgency is Urgency.LIVE or self._under_way[urgency] < self._room[urgency]
