"""One call as the emulator keeps it: who, in which state, what was done, and how to break in on it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx

from gateway.emulators.twilio.call_terms import End, Order, Parties, Source, Subscription, line_end
from gateway.emulators.twilio.line import Line
from gateway.emulators.twilio.line_clock import Clock
from gateway.emulators.twilio.line_core import KEYS, PAUSE_S
from gateway.emulators.twilio.records import (
    MAX_RECORDS,
    CallStatus,
    Debug,
    Direction,
    EndedBy,
    VerbRecord,
    WebhookRecord,
    new_sid,
)
from gateway.errors import GatewayError

MAX_KEYS = 200
WAIT_S = 30.0

T = TypeVar("T")


class CallOver(GatewayError):
    """The call ended before what was waited for came to pass."""

    remedy = "See call.ended_by, call.debug and call.requests for why it ended."


class Interrupted(GatewayError):
    """Somebody broke in on the call: it is to end, or to run other TwiML."""


class Call:
    """One call.

    Args:
        parties: Who it is between.
        clock: The emulator's time.
        status: Its first status.
        tell: Takes a line of the timeline: what happened, and details.

    """

    def __init__(
        self, parties: Parties, clock: Clock, status: CallStatus, tell: Callable[["Call", str, str], None]
    ) -> None:
        self.sid = new_sid("CA")
        self.parties = parties
        self.status = status
        self.ended_by: EndedBy | None = None
        self.answered_by: str | None = None
        self.caller_name: str | None = None
        self.subscription = Subscription()
        self.fallback: Source | None = None
        self.extra: dict[str, str] = {}
        self.time_limit_s = 14_400.0
        self.created = datetime.now(UTC)
        self.updated = self.created
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.duration_s = 0.0
        self.queued_s = 0.0
        self.send_digits = ""
        self.sip_code: int | None = None
        self.verbs: list[VerbRecord] = []
        self.requests: list[WebhookRecord] = []
        self.debug: list[Debug] = []
        self.lines: list[Line] = []
        self.sequence = 0
        self.cookies = httpx.Cookies()
        self.tasks = asyncio.TaskGroup()
        self.helpers: list[asyncio.Task[None]] = []
        self._clock = clock
        self._created_s = clock.now()
        self._answered_s = self._ended_s = 0.0
        self._tell = tell
        self._order: Order | None = None
        self._alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pressed: asyncio.Future[None] | None = None
        self._keys: deque[tuple[float, str]] = deque(maxlen=MAX_KEYS)
        self._over = asyncio.Event()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # What tests and demos ask.

    @property
    def to(self) -> str:
        """The number called."""
        return self.parties.to

    @property
    def from_(self) -> str:
        """The number calling."""
        return self.parties.from_

    @property
    def now(self) -> float:
        """Emulated seconds since the call's creation."""
        return self._clock.now() - self._created_s

    @property
    def since_answer_s(self) -> float:
        """Emulated seconds since the call was answered; 0 if it has not been."""
        return self._clock.now() - self._answered_s if self.started else 0.0

    @property
    def since_end_s(self) -> float | None:
        """Emulated seconds since the call ended; None if it has not."""
        return self._clock.now() - self._ended_s if self.ended else None

    @property
    def over(self) -> bool:
        """Whether the call has ended and its last callback has been sent."""
        return self._over.is_set()

    @property
    def line(self) -> Line | None:
        """The media stream that is open, or the last one there was."""
        return self.lines[-1] if self.lines else None

    async def stream(self, timeout: float = WAIT_S) -> Line:  # noqa: ASYNC109
        """Wait for an open media stream; the timeout is in real seconds.

        Raises:
            CallOver: The call ended without one.
            TimeoutError: It takes too long.

        """
        async with asyncio.timeout(timeout):
            while True:
                if self.lines and not self.lines[-1].over:
                    return self.lines[-1]
                if self.status.final:
                    raise CallOver(f"call {self.status.value} without an open media stream: {self.debug}")
                if self._opened.done():
                    self._opened = asyncio.get_running_loop().create_future()
                await asyncio.shield(self._opened)

    async def wait_over(self, timeout: float = WAIT_S) -> None:  # noqa: ASYNC109
        """Wait until the call is over, its last callback included; the timeout is in real seconds."""
        async with asyncio.timeout(timeout):
            await self._over.wait()

    async def hang_up(self, timeout: float = WAIT_S) -> None:  # noqa: ASYNC109
        """Have the person on the telephone hang up, and wait until the call is over."""
        self.give_up()
        await self.wait_over(timeout)

    def give_up(self) -> None:
        """Have the person on the telephone hang up; do not wait for anything."""
        inbound = self.parties.direction is Direction.INBOUND
        status = CallStatus.CANCELED if inbound else CallStatus.NO_ANSWER
        if self.started is not None:
            status = CallStatus.COMPLETED
        self.interrupt(End(EndedBy.CALLER if inbound else EndedBy.CALLEE, status))

    def press(self, digits: str) -> None:
        """Press keys: into the media stream if one is open, else for a ``<Gather>`` to take.

        Raises:
            ValueError: Not a key of a telephone.

        """
        if self.lines and not self.lines[-1].over:
            self.lines[-1].press(digits)
            return
        at = self._clock.now()
        for digit in digits:
            if digit in "wW":
                at += PAUSE_S
            elif digit in KEYS:
                self._keys.append((at, digit))
            else:
                raise ValueError(f"{digit!r} is not a key of a telephone")
        if self._pressed is not None and not self._pressed.done():
            self._pressed.set_result(None)

    # What the emulator does with it.

    def interrupt(self, order: Order) -> None:
        """Break in on whatever the call does; an order to end is not overruled by a redirect."""
        if self.status.final or isinstance(self._order, End):
            return
        self._order = order
        if not self._alarm.done():
            self._alarm.set_result(None)
        if self.lines:
            self.lines[-1].end(line_end(order))

    @property
    def order(self) -> Order | None:
        """What the call is to do instead, once it was broken in on."""
        return self._order

    def take_order(self) -> Order | None:
        """The order that interrupted the call; from now on the next one may."""
        order = self._order
        self._order = None
        if self._alarm.done():
            self._alarm = asyncio.get_running_loop().create_future()
        return order

    def check(self) -> None:
        """Raise ``Interrupted`` if somebody broke in."""
        if self._alarm.done():
            raise Interrupted

    async def rest(self, seconds: float) -> None:
        """Let emulated time pass; raise ``Interrupted`` as soon as somebody breaks in."""
        await asyncio.wait({self._alarm}, timeout=self._clock.real(seconds))
        self.check()

    async def key(self, seconds: float) -> str | None:
        """Wait so long for a key; raise ``Interrupted`` as soon as somebody breaks in."""
        until = self._clock.now() + seconds
        while True:
            now = self._clock.now()
            if self._keys and self._keys[0][0] <= now:
                return self._keys.popleft()[1]
            if now >= until:
                return None
            self._pressed = asyncio.get_running_loop().create_future()
            wake = min(until, self._keys[0][0]) if self._keys else until
            await asyncio.wait(
                {self._alarm, self._pressed},
                timeout=self._clock.real(wake - now),
                return_when=asyncio.FIRST_COMPLETED,
            )
            self.check()

    async def race(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work, which must not raise; drop it and raise ``Interrupted`` if somebody breaks in."""
        task = self.tasks.create_task(work)
        waited: set[asyncio.Future[Any]] = {task, self._alarm}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        raise Interrupted

    def help(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work beside the call, which must not raise; it is dropped when the call ends."""
        self.helpers.append(self.tasks.create_task(work))

    def move(self, status: CallStatus) -> bool:
        """Enter a status; False if the call is over already."""
        if self.status.final or status is self.status:
            return False
        self.status = status
        self.updated = datetime.now(UTC)
        if status is CallStatus.IN_PROGRESS:
            self.started = self.updated
            self._answered_s = self._clock.now()
        if status.final:
            self.ended = self.updated
            self._ended_s = self._clock.now()
            self.duration_s = self._clock.now() - self._answered_s if self.started else 0.0
            self._wake_streams()
        self.tell(status.value)
        return True

    def finish(self) -> None:
        """The last callback has been sent."""
        self._over.set()
        self._wake_streams()

    def open_line(self, line: Line) -> None:
        """A media stream is open."""
        self.lines.append(line)
        if self._order is not None:
            line.end(line_end(self._order))
        self._wake_streams()

    def log(self, verb: str, attributes: Mapping[str, str] | None = None, text: str = "") -> None:
        """Write down a verb that is being executed."""
        if len(self.verbs) < MAX_RECORDS:
            self.verbs.append(VerbRecord(self.now, verb, dict(attributes or {}), text))
        self.tell(f"<{verb}>", text)

    def complain(self, code: int, text: str) -> None:
        """Write down an error or a warning of Twilio's debugger."""
        if len(self.debug) < MAX_RECORDS:
            self.debug.append(Debug(self.now, code, text))
        self.tell("debugger", f"{code} {text}")

    def tell(self, kind: str, detail: str = "") -> None:
        """Put a line on the timeline."""
        self._tell(self, kind, detail)

    def _wake_streams(self) -> None:
        with contextlib.suppress(asyncio.InvalidStateError):
            self._opened.set_result(None)
