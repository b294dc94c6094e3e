"""Calls that were asked for: ended, transferred, and followed by what the carrier reports of them."""

from typing import Final

from gateway import logs
from gateway.errors import VendorError
from gateway.ids import E164, CallSid
from gateway.services import dial_progress, dial_store
from gateway.services.dial_means import DialMeans
from gateway.services.dial_outcomes import CANCELED, Outcomes, given_up
from gateway.services.dial_queue import WaitingRoom
from gateway.services.dial_request import DialRules
from gateway.services.dial_terms import CallNotLive, CallUnknown, Taken
from gateway.store import calls, intents
from gateway.store.calls import Call
from gateway.store.errors import StoreError
from gateway.store.identifiers import CallId
from gateway.store.intents import Intent, State
from gateway.store.records import CallChange, Direction, Status, Via
from gateway.wire.call_status import CallReport

_API: Final = "api"


class LiveCalls:
    """What is done with calls once they were asked for.

    Args:
        means: What dialling works with.
        rules: Where calls may be transferred to.
        outcomes: Takes what becomes of calls.
        room: Where calls wait that are not placed yet.
    """

    def __init__(self, means: DialMeans, rules: DialRules, outcomes: Outcomes, room: WaitingRoom) -> None:
        self._means = means
        self._rules = rules
        self._outcomes = outcomes
        self._room = room
        self._log = logs.get()

    async def hang_up(self, call_id: CallId) -> None:
        """End a call; one that waits is never placed."""
        intent, call, waited = await self._give_up(call_id)
        if waited and intent is not None:
            self._room.remove(intent.id)
            self._outcomes.over(call_id, Status.CANCELED, {"ending": CANCELED})
            return
        if intent is not None and intent.state is State.POSTED:
            return  # ended as soon as it is known to be there
        if call is None:
            raise CallUnknown
        if call.status.final:
            raise CallNotLive("the call is over")
        if self._means.switchboard.hang_up(call_id):
            return
        if not await self._means.carriers[call.via].hang_up(Taken(call.call_sid, call.session_id)):
            raise CallNotLive(f"calls via {call.via.value} can't be ended from here")

    async def transfer(self, call_id: CallId, to: str) -> None:
        """Connect a call that has been answered to a person."""
        async with self._means.database.read() as connection:
            call = await calls.get(connection, call_id)
        if call is None:
            raise CallUnknown
        ours, party = call.from_number, call.to_number
        if call.direction is not Direction.OUTBOUND:
            ours, party = call.to_number, call.from_number
        number = self._rules.transfer_number(to, ours or E164(""), party or "")
        if call.status.final:
            raise CallNotLive("the call is over")
        if self._means.switchboard.transfer(call_id, number):
            return  # its stream tells that it was answered sooner than its record
        if call.status is not Status.IN_PROGRESS:
            raise CallNotLive("only a call that has been answered can be transferred")
        raise CallNotLive("the call is not bridged here")

    async def progress(self, report: CallReport, call_id: CallId | None) -> None:
        """A status callback came."""
        call_sid = report.progress.call_sid
        try:
            if call_id is None:
                call_id = await self._named(call_sid)
            else:
                await self._prove(call_id, call_sid)
        except StoreError as error:
            self._log.warning("callback without a database", call_sid=call_sid, error=str(error))
        if call_id is None:
            return
        now, status = self._means.now(), dial_progress.status_of(report)
        event = dial_progress.happening(call_id, report, now)
        if event is not None:
            self._means.journal.put(event)
        self._outcomes.record(dial_progress.change(call_id, report, now))
        if status is not None and not status.final:
            self._means.tell(dial_progress.told(status), call_id, {"status": status.value})

    async def _give_up(self, call_id: CallId) -> tuple[Intent | None, Call | None, bool]:
        """Have a call not placed, or ended once it is found; the intent as it was, and whether it waited."""
        now = self._means.now()
        async with self._means.database.write() as connection:
            intent = await dial_store.of_call(connection, call_id, lock=True)
            if intent is not None and intent.state is State.INTENDED:
                await intents.refused(connection, intent.id, CANCELED, now)
                await dial_store.hide_keys(connection, intent)
                change = CallChange(
                    call_id=call_id, status=Status.CANCELED, ending=CANCELED, ended_by=_API, ended_at=now
                )
                await calls.put(connection, change)
                return intent, None, True
            if intent is not None and intent.state is State.POSTED:
                await calls.put(connection, CallChange(call_id=call_id, ending=CANCELED, ended_by=_API))
            return intent, await calls.get(connection, call_id), False

    async def _named(self, call_sid: CallSid) -> CallId | None:
        """Our name for an outbound call of Twilio's."""
        async with self._means.database.read() as connection:
            call = await calls.by_sid(connection, call_sid)
        return call.id if call is not None and call.direction is Direction.OUTBOUND else None

    async def _prove(self, call_id: CallId, call_sid: CallSid) -> None:
        """The carrier itself says which call this is: whatever was believed, it is placed."""
        async with self._means.database.read() as connection:
            intent = await dial_store.of_call(connection, call_id)
        if intent is None:
            return
        if intent.state is State.PLACED:
            if intent.call_sid not in (None, call_sid):
                self._log.error("call placed twice", call_id=call_id, call_sid=call_sid)
            return
        self._room.remove(intent.id)
        async with self._means.database.write() as connection:
            await dial_store.proved(connection, intent.id, call_sid, self._means.now())
            await dial_store.hide_keys(connection, intent)
            await calls.put(connection, CallChange(call_id=call_id, call_sid=call_sid))
            call = await calls.get(connection, call_id)
        if intent.state in (State.REFUSED, State.ABSENT) or (call is not None and given_up(call)):
            await self._end_late(call_id, call_sid)
        else:
            self._means.switchboard.named(call_id, call_sid)

    async def _end_late(self, call_id: CallId, call_sid: CallSid) -> None:
        """It was given up, or reported as not placed: nobody expects it any more."""
        self._log.warning("call came after it was given up", call_id=call_id, call_sid=call_sid)
        try:
            await self._means.carriers[Via.GATEWAY].hang_up(Taken(call_sid))
        except VendorError as error:
            self._log.error("call not ended", call_id=call_id, error=str(error))
