"""The calls of a load: opened one after the other, kept talking, ended. One process plays all of them."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import httpx
from picows import WSError, ws_connect

from gateway.emulators.load.check import Check, Exact
from gateway.emulators.load.legs import BYTES_PER_S, AgentLeg, CallerLeg, Door, Pattern
from gateway.emulators.load.sound import CHUNK_MS, FRAME_MS, agent_sound, caller_sound
from gateway.errors import GatewayError

_OPEN_TIMEOUT_S: Final = 15.0
_TICK_S: Final = 0.001
_LOOK_S: Final = 0.02


class CallFailed(GatewayError):
    """A call of the load could not be opened."""

    remedy = "The machine may carry no more: try with fewer calls."


class Doors(Protocol):
    """Finds the door of the n-th call."""

    def __call__(self, number: int) -> Awaitable[Door]:
        """Ask for it."""


class Wheel:
    """Whose turn it is in each millisecond of a period; turns are spread evenly over it."""

    def __init__(self, period_ms: int) -> None:
        self._slots: list[list[Callable[[], None]]] = [[] for _ in range(period_ms)]

    def add(self, turn: Callable[[], None]) -> None:
        """Call ``turn`` once a period."""
        min(self._slots, key=len).append(turn)

    def tick(self, number: int) -> None:
        """Call those whose turn is in this millisecond."""
        for turn in self._slots[number % len(self._slots)]:
            turn()


class Load:
    """So many calls at once. Agents come in by ``agent_factory``."""

    def __init__(self, pattern: Pattern, check: Callable[[float], Check] = Exact) -> None:
        self._pattern = pattern
        self._check = check
        self._joined: asyncio.Queue[AgentLeg] = asyncio.Queue()
        self._frames = Wheel(FRAME_MS)
        self._chunks = Wheel(CHUNK_MS)
        self.callers: list[CallerLeg] = []

    def agent_factory(self) -> AgentLeg:
        """Make an agent for a session that is being opened."""
        return AgentLeg(self._joined.put_nowait)

    async def open(self, doors: Doors, until: int) -> None:
        """Open calls one by one until there are so many: that tells whose agent is whose.

        Raises:
            CallFailed: one could not be opened.
        """
        for number in range(len(self.callers), until):
            up, down = self._check(math.inf), self._check(BYTES_PER_S)
            theirs = agent_sound(number)
            try:
                async with asyncio.timeout(_OPEN_TIMEOUT_S):
                    door = await doors(number)
                    caller = CallerLeg(number, door, caller_sound(number), up, down)
                    await ws_connect(lambda caller=caller: caller, door.url, extra_headers=door.headers)
                    agent = await self._joined.get()
            except (TimeoutError, OSError, WSError, httpx.HTTPError) as error:
                raise CallFailed(f"call {number + 1} could not be opened: {type(error).__name__}") from error
            agent.begin(number, theirs, self._pattern, up, down)
            self.callers.append(caller)
            self._frames.add(caller.speak)
            self._chunks.add(agent.speak)

    async def talk(self) -> None:
        """Let all who are there speak, at the pace of speech, until cancelled."""
        begin = time.perf_counter()
        done = 0
        while True:
            await asyncio.sleep(_TICK_S)
            due = int((time.perf_counter() - begin) / _TICK_S)
            while done < due:
                self._frames.tick(done)
                self._chunks.tick(done)
                done += 1

    async def hear_out(self, patience_s: float) -> None:
        """Wait until what is under way has come out and was played."""
        for _ in range(round(patience_s / _LOOK_S)):
            await asyncio.sleep(_LOOK_S)
            for caller in self.callers:
                caller.return_marks(time.perf_counter())
            if not any(check.pending for check in self.checks) and all(
                caller.marks_returned == caller.marks_asked for caller in self.callers
            ):
                return

    @property
    def checks(self) -> list[Check]:
        """Of all calls, both ways."""
        return [check for caller in self.callers for check in (caller.up, caller.down)]

    def forget(self) -> None:
        """Begin to measure anew; what was found wrong stays found."""
        for check in self.checks:
            check.delays = []
        for caller in self.callers:
            caller.under_runs = 0

    def close(self) -> None:
        """Have every caller hang up."""
        for caller in self.callers:
            caller.hang_up()
