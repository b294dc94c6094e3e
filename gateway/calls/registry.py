"""All calls of this process: who is admitted, which stream belongs to whom, and when the last one is over."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from starlette.websockets import WebSocket

from gateway import logs
from gateway.bridge.events import CallerLost, CarrierEnded, HandOver
from gateway.bridge.report import CallReport
from gateway.calls.call import Call, Means
from gateway.calls.tickets import Tickets
from gateway.errors import TicketRefused
from gateway.ids import CallSid
from gateway.wire.call_status import CallStatus
from gateway.wire.media_stream import Start

_FINISHED_KEPT: Final = 10_000
_RECENT_KEPT: Final = 200


class Standing(StrEnum):
    """What is known of a call Twilio asks about."""

    NEW = "new"
    LIVE = "live"
    FINISHED = "finished"


class Refusal(StrEnum):
    """Why a new call is not taken."""

    DRAINING = "draining"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class _Admitted:
    call: Call
    document: str


class Registry:
    """The calls, by Twilio's name for them."""

    def __init__(self, means: Means, max_calls: int) -> None:
        self._means = means
        self._max_calls = max_calls
        self._live: dict[CallSid, _Admitted] = {}
        self._finished: OrderedDict[CallSid, None] = OrderedDict()
        self._tickets = Tickets()
        self._group: asyncio.TaskGroup | None = None
        self._draining = False
        self._log = logs.get()
        self.recent: deque[tuple[CallSid, CallReport]] = deque(maxlen=_RECENT_KEPT)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Calls live in here; leaving it hands over those that are not over."""
        async with asyncio.TaskGroup() as self._group:
            yield
            self.force()
        self._group = None

    # Admission

    def standing(self, call_sid: CallSid) -> Standing:
        """What is known of a call."""
        if call_sid in self._live:
            return Standing.LIVE
        return Standing.FINISHED if call_sid in self._finished else Standing.NEW

    def refusal(self) -> Refusal | None:
        """Why a new call would not be taken now."""
        if self._draining:
            return Refusal.DRAINING
        return Refusal.FULL if len(self._live) >= self._max_calls else None

    def admit(self, call_sid: CallSid, document: Callable[[str], str]) -> str:
        """Take a new call: its agent is being called when this returns.

        Args:
            call_sid: A call whose standing is new.
            document: Makes the TwiML from the ticket.

        Returns:
            The TwiML, which is also the answer when Twilio asks again.
        """
        assert self._group is not None, "the registry is not running"
        call = Call(call_sid, self._means)
        text = document(self._tickets.issue(call_sid, asyncio.get_running_loop().time()))
        self._live[call_sid] = _Admitted(call, text)
        self._means.metrics.admitted.inc()
        self._means.metrics.live.set(len(self._live))
        self._group.create_task(self._carry(call))
        return text

    def document(self, call_sid: CallSid) -> str:
        """What a live call was answered with."""
        return self._live[call_sid].document

    # What happens to calls

    def claim(self, ticket: str, start: Start, socket: WebSocket) -> Call:
        """Give a stream to the call its ticket was issued for.

        Raises:
            TicketRefused: the ticket opens nothing.
        """
        now = asyncio.get_running_loop().time()
        call_sid = self._tickets.redeem(ticket, start.call_sid, now)
        if call_sid not in self._live:  # a call revokes its ticket when it ends
            raise TicketRefused("ticket of a call that is over")
        call = self._live[call_sid].call
        call.attach(socket, start)
        return call

    def progress(self, call_sid: CallSid, status: CallStatus) -> None:
        """A status callback came."""
        if status.final and call_sid in self._live:
            self._live[call_sid].call.feed(CarrierEnded(status.value))

    def stream_failed(self, call_sid: CallSid, error: str) -> None:
        """Twilio could not open a call's stream, or lost it, and goes on with the verbs behind it."""
        if call_sid in self._live:
            self._live[call_sid].call.feed(CallerLost(f"Twilio reports stream error {error[:20]}".strip()))

    async def _carry(self, call: Call) -> None:
        self._log.info("call admitted", call_sid=call.call_sid)
        try:
            await call.run()
        except Exception:  # noqa: BLE001 - the edge of a call: what fails in it must not reach the others
            self._log.exception("gateway error", call_sid=call.call_sid)
        finally:
            self._tickets.revoke(call.call_sid)
            del self._live[call.call_sid]
            self._finished[call.call_sid] = None
            while len(self._finished) > _FINISHED_KEPT:
                self._finished.popitem(last=False)
            self.recent.append((call.call_sid, call.report))
            self._means.metrics.live.set(len(self._live))

    # The end of the process

    @property
    def idle(self) -> bool:
        """Whether no call is live."""
        return not self._live

    def begin(self) -> None:
        """Take no new calls; those that are live run on."""
        self._draining = True
        self._log.info("draining", calls=len(self._live))

    def force(self) -> None:
        """Hand over every live call: Twilio goes on with the verbs behind ``<Connect>``."""
        self._draining = True
        for admitted in list(self._live.values()):
            admitted.call.feed(HandOver())
