"""All calls of this process: who is admitted, which stream belongs to whom, and when the last one is over."""

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final

from starlette.websockets import WebSocket

from gateway import logs
from gateway.bridge.events import CallerLost, CarrierEnded, HandOver, TakenOver, TransferOver
from gateway.bridge.report import CallReport
from gateway.calls.call import Call, Means
from gateway.calls.carrier import Scripts
from gateway.calls.documents import Documents
from gateway.calls.entries import happening, refused
from gateway.calls.plan import Plan, Words
from gateway.calls.remembered import Remembered
from gateway.calls.tenure import Ended
from gateway.calls.tickets import Tickets
from gateway.errors import TicketRefused
from gateway.ids import CallSid
from gateway.policy.admission import Admission, Refusal
from gateway.policy.machine import AnsweredBy
from gateway.store.identifiers import CallId
from gateway.store.records import Json
from gateway.wire import twiml
from gateway.wire.call_status import CallStatus
from gateway.wire.media_stream import Start

_RECENT_KEPT: Final = 200
_ALIVE: Final = frozenset({CallStatus.RINGING, CallStatus.IN_PROGRESS})


class Standing(StrEnum):
    """What is known of a call Twilio asks about."""

    NEW = "new"
    LIVE = "live"
    FINISHED = "finished"
    MISSED = "missed"  # its end was told before its beginning


@dataclass(frozen=True, slots=True)
class _Admitted:
    call: Call
    document: str


@dataclass(slots=True)
class _Invited:
    """A call that is being placed: its stream is awaited before anybody has answered."""

    plan: Plan
    call_sid: CallSid | None = None
    verdict: AnsweredBy | None = None


class Registry:
    """The calls, by Twilio's name for them."""

    def __init__(self, means: Means, admission: Admission, documents: Documents) -> None:
        self._means = means
        self.admission = admission
        self._documents = documents
        self._tenure = means.tenure
        self._live: dict[CallSid, _Admitted] = {}
        self._invited: dict[CallId, _Invited] = {}
        self._sids: dict[CallId, CallSid] = {}
        self._past = Remembered()
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
        if self._past.ended(call_sid):
            return Standing.FINISHED
        return Standing.MISSED if self._past.missed(call_sid) else Standing.NEW

    def refusal(self, call_sid: CallSid | None = None) -> Refusal | None:
        """Why a new call, or this one of those that wait, would not be taken now."""
        if self._draining:
            return Refusal.DRAINING
        if self.still:
            return Refusal.STOPPED
        return self.admission.refusal(call_sid, self._taken, time.monotonic())

    @property
    def places(self) -> int:
        """How many more calls could be taken now, whoever waits."""
        return 0 if self._draining or self.still else self.admission.places(self._taken, time.monotonic())

    @property
    def _taken(self) -> int:
        """Calls that have a place: those that are being placed have theirs already."""
        return len(self._live) + len(self._invited)

    def admit(self, plan: Plan, call_sid: CallSid) -> str:
        """Take a new call, or one that another process carried: its agent is being called when this returns.

        Args:
            plan: How it is to be carried.
            call_sid: A call that is not live.

        Returns:
            The TwiML, which is also the answer when Twilio asks again.
        """
        make = self._documents.reopening if plan.epoch else self._documents.opening
        text = make(plan, self._ticket(plan.call_id))
        self._begin(plan, call_sid, text)
        return text

    def reopen(self, call_id: CallId, digits: str = "") -> str:
        """The TwiML that opens another stream for a live call, behind these keys; its ticket is a new one."""
        plan = self._live[self._sids[call_id]].call.plan
        return self._documents.reopening(plan, self._ticket(call_id), digits)

    def disown(self, call_id: CallId) -> None:
        """Another process carries a call: let go of it without a sound."""
        call = self.live(call_id)
        if call is not None:
            call.feed(TakenOver())

    def ended(self, call_sid: CallSid) -> Ended | None:
        """How a call ended, if it was one of this process."""
        return self._past.ended(call_sid)

    def _ticket(self, call_id: CallId) -> str:
        return self._tickets.issue(call_id, asyncio.get_running_loop().time())

    def turn_away(self, plan: Plan, call_sid: CallSid, reason: str) -> None:
        """Write down a call that is not taken, once, however often Twilio asks."""
        if not self._past.refuse(call_sid):
            return
        office = self._means.office
        office.put(refused(plan, call_sid, reason, office.clock.at(time.monotonic())))

    def document(self, call_sid: CallSid) -> str:
        """What a live call was answered with."""
        return self._live[call_sid].document

    def call_id(self, call_sid: CallSid) -> CallId:
        """Our name of a live call."""
        return self._live[call_sid].call.plan.call_id

    # Calls we place

    def invite(self, plan: Plan, ticket: str, lifetime_s: float) -> None:
        """Keep a place for a call that is about to be placed, and let its stream in with this ticket.

        The second time for the same call this changes nothing but the ticket's life.
        """
        if plan.call_id in self._sids and self._sids[plan.call_id] in self._live:
            return
        self._invited.setdefault(plan.call_id, _Invited(plan))
        self._tickets.accept(ticket, plan.call_id, asyncio.get_running_loop().time(), lifetime_s)

    def named(self, call_id: CallId, call_sid: CallSid) -> None:
        """The call was placed, and this is Twilio's name for it."""
        if call_id in self._invited:
            self._invited[call_id].call_sid = call_sid
            self._sids[call_id] = call_sid

    def uninvite(self, call_id: CallId) -> None:
        """The call is not placed after all, or nobody took it."""
        if self._invited.pop(call_id, None) is not None:
            self._tickets.revoke(call_id)
            self._sids.pop(call_id, None)

    def live(self, call_id: CallId) -> Call | None:
        """A call of ours that is live."""
        call_sid = self._sids.get(call_id)
        admitted = None if call_sid is None else self._live.get(call_sid)
        return None if admitted is None else admitted.call

    def _start_invited(self, call_id: CallId, call_sid: CallSid) -> None:
        """The telephone rings, or somebody answered: have the agent join."""
        invited = self._invited.pop(call_id)
        self._begin(invited.plan, call_sid, twiml.hang_up())
        if invited.verdict is not None:
            self._live[call_sid].call.verdict(invited.verdict)

    def _invited_as(self, call_sid: CallSid) -> CallId | None:
        return next((name for name, invited in self._invited.items() if invited.call_sid == call_sid), None)

    # What happens to calls

    def claim(self, ticket: str, start: Start, socket: WebSocket) -> Call:
        """Give a stream to the call its ticket was issued for.

        Raises:
            TicketRefused: the ticket opens nothing.
        """
        call_id = self._tickets.redeem(ticket, asyncio.get_running_loop().time())
        invited = self._invited.get(call_id)
        named = invited.call_sid if invited is not None else self._sids.get(call_id)
        if named is not None and named != start.call_sid:
            raise TicketRefused("ticket of another call")
        if invited is not None:
            self._start_invited(call_id, start.call_sid)
        if start.call_sid not in self._live:  # a call revokes its ticket when it ends
            raise TicketRefused("ticket of a call that is over")
        call = self._live[start.call_sid].call
        if invited is not None:
            asyncio.get_running_loop().call_soon(call.attach, socket, start)
        else:
            call.attach(socket, start)
        return call

    def progress(self, call_sid: CallSid, status: CallStatus) -> None:
        """A status callback came."""
        call_id = self._invited_as(call_sid)
        if call_id is not None and status.final:
            self.uninvite(call_id)
        elif call_id is not None and status in _ALIVE:
            self._start_invited(call_id, call_sid)  # it runs from the loop's next turn on
            asyncio.get_running_loop().call_soon(self.progress, call_sid, status)
        elif status is CallStatus.IN_PROGRESS and call_sid in self._live:
            self._live[call_sid].call.picked_up()
        elif status.final and call_sid in self._live:
            self._live[call_sid].call.feed(CarrierEnded(status.value))
        elif status.final:
            self._past.miss(call_sid)

    def verdict(self, call_sid: CallSid, answered_by: AnsweredBy) -> None:
        """Twilio says who answered a call we placed."""
        call_id = self._invited_as(call_sid)
        if call_id is not None:
            self._invited[call_id].verdict = answered_by
        elif call_sid in self._live:
            self._live[call_sid].call.verdict(answered_by)

    def note(self, call_sid: CallSid, kind: str, data: Json) -> None:
        """Write down what happened to a call outside its stream, live or lately over."""
        live, ended = self._live.get(call_sid), self._past.ended(call_sid)
        call_id = live.call.plan.call_id if live else ended.call_id if ended else None
        if call_id is not None:
            office = self._means.office
            office.put(happening(call_id, kind, office.clock.at(time.monotonic()), data))

    def transferred(self, call_sid: CallSid, event: TransferOver) -> str | None:
        """What became of a transfer; the TwiML that brings the caller back, if the call waits for them."""
        admitted = self._live.get(call_sid)
        if admitted is None:
            return None
        admitted.call.feed(event)
        return self.reopen(admitted.call.plan.call_id) if admitted.call.parked else None

    def stream_failed(self, call_sid: CallSid, error: str) -> None:
        """Twilio could not open a call's stream, or lost it, and goes on with the verbs behind it."""
        if call_sid in self._live:
            self._live[call_sid].call.feed(CallerLost(f"Twilio reports stream error {error[:20]}".strip()))

    def _begin(self, plan: Plan, call_sid: CallSid, document: str) -> None:
        assert self._group is not None, "the registry is not running"
        documents, call_id = self._documents, plan.call_id
        scripts = Scripts(
            documents.transferring,
            partial(self.reopen, call_id),
            partial(documents.holding, plan),
            partial(documents.fallback, plan, said=True),
        )
        limits = replace(plan.limits, person_behind=documents.person(plan) is not None)
        plan = replace(plan, words=self._telling(plan), limits=limits)
        call = Call(plan, call_sid, self._means, scripts)
        self._live[call_sid] = _Admitted(call, document)
        self._sids[plan.call_id] = call_sid
        self._tenure.began(plan, call_sid)
        self._means.metrics.admitted.inc()
        self._means.metrics.live.set(len(self._live))
        self._group.create_task(self._carry(call))

    async def _carry(self, call: Call) -> None:
        self._log.info("call admitted", call_sid=call.call_sid, call_id=call.plan.call_id)
        try:
            await call.run()
        except Exception:  # noqa: BLE001 - the edge of a call: what fails in it must not reach the others
            self._log.exception("gateway error", call_sid=call.call_sid)
        finally:
            self._tickets.revoke(call.plan.call_id)
            del self._live[call.call_sid]
            self._sids.pop(call.plan.call_id, None)
            self._finish(call)
            self.recent.append((call.call_sid, call.report))
            self._means.metrics.live.set(len(self._live))

    def _telling(self, plan: Plan) -> Callable[[], Awaitable[Words]]:
        async def words() -> Words:
            told = await plan.words()
            self._tenure.told(plan.call_id, told)
            return told

        return words

    def _finish(self, call: Call) -> None:
        """Keep how a call ended: Twilio may ask, or tell more of it."""
        falls_back, said = call.report.falls_back, call.report.sorry_said
        answer = self._documents.fallback(call.plan, said=said) if falls_back else twiml.hang_up()
        self._past.end(call.call_sid, Ended(call.plan.call_id, sys.intern(answer), call.handed))
        if not call.handed:
            self._tenure.over(call.plan.call_id, falls_back=falls_back)

    # The end of the process

    @property
    def still(self) -> bool:
        """Whether this process must do nothing, since its calls may be others' by now."""
        return self._means.fence.shut(time.monotonic())

    @property
    def draining(self) -> bool:
        """Whether the process is about to end."""
        return self._draining

    @property
    def idle(self) -> bool:
        """Whether no call is live, and none is being placed."""
        return not self._live and not self._invited

    def begin(self) -> None:
        """Take no new calls; those that are live run on."""
        self._draining = True
        self._log.info("draining", calls=len(self._live))

    def force(self) -> None:
        """Hand over every live call: Twilio goes on with the verbs behind ``<Connect>``."""
        self._draining = True
        for admitted in list(self._live.values()):
            admitted.call.feed(HandOver())
