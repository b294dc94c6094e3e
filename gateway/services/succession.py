"""Goes on with calls that other processes carried: because Twilio asks, or because their process is gone."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import logs
from gateway.bridge.history import Line, Past, ToolTrace, Voice
from gateway.bridge.report import Ending
from gateway.calls.documents import Documents
from gateway.calls.entries import happening
from gateway.calls.metrics import Metrics
from gateway.calls.plan import Parties, Plan, Words
from gateway.calls.registry import Registry, Standing
from gateway.calls.scribe import Put
from gateway.clients.twilio import Twilio
from gateway.clients.twilio.orders import Wanted
from gateway.errors import VendorError
from gateway.ids import CallSid
from gateway.services.plans import Defaults, Plans
from gateway.services.resumption import NotResumable, revived
from gateway.store import conversations, leases
from gateway.store.database import Database
from gateway.store.errors import StoreError
from gateway.store.identifiers import CallId, made_at
from gateway.store.leases import Lease, State
from gateway.store.records import Turn, ended
from gateway.wire import twiml
from gateway.wire.call_status import CallProgress, CallStatus, Origin

MOST_RECOVERIES: Final = 3
"""Processes a call may lose before its caller is connected to a person instead."""
_ASKING_S: Final = 0.9
"""Twilio waits for the answer, and the caller hears nothing meanwhile."""
_WRITING_S: Final = 2.0
_AT_ONCE: Final = 4
_TRIES: Final = 3
_MOST_LEGS: Final = 20
_PAUSE_S: Final = 1.0
_YOUNG: Final = timedelta(minutes=2)
"""A call this young may have been lost before its lease was written."""
_INBOUND: Final = "inbound"
_UNKNOWN: Final = '{"error":"outcome_unknown"}'
"""What came of a tool whose process was lost: it may have run, and is not to be run again unasked."""


@dataclass(frozen=True, slots=True)
class Estate:
    """What going on with a call takes.

    Attributes:
        database: Where the leases are, and what was said.
        owner: This process's name.
        registry: The calls of this process.
        documents: What Twilio is answered.
        defaults: This process's own tools and bounds.
        plans: Makes plans of calls nothing was written of.
        twilio: Asked whether a call is still up, and to open its stream here.
        put: Where records go.
        metrics: Counts.
    """

    database: Database
    owner: str
    registry: Registry
    documents: Documents
    defaults: Defaults
    plans: Plans
    twilio: Twilio
    put: Put
    metrics: Metrics


class Succession:
    """Takes calls over."""

    def __init__(self, estate: Estate, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._estate = estate
        self._now = now
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._log = logs.get()

    async def take(self, call_id: CallId, progress: CallProgress, origin: Origin) -> str | None:
        """What Twilio is to do with a call whose stream is over; ``None`` if it can't be known in time."""
        estate, call_sid = self._estate, progress.call_sid
        try:
            # Of many calls at once few ask the database: each connection more would have to be opened first.
            async with asyncio.timeout(_ASKING_S), self._few, estate.database.write(_ASKING_S) as connection:
                lease = await leases.take_over(connection, call_id, call_sid, estate.owner)
                past = Past() if lease is None else await _past(connection, call_id)
        except (StoreError, TimeoutError) as error:
            self._log.warning("call can't be taken over", call_sid=call_sid, error=str(error))
            return None
        standing = estate.registry.standing(call_sid)
        if standing is Standing.LIVE:  # Twilio asked twice
            return estate.registry.reopen(estate.registry.call_id(call_sid))
        if standing is Standing.MISSED:  # it ended meanwhile
            if lease is not None and lease.state is not State.OVER:
                await self._gone(lease)
            return twiml.hang_up()
        if lease is None:
            return self._begin(call_id, progress, origin)
        try:
            plan = self._plan(lease, past)
        except NotResumable:
            return None
        if lease.state is State.OVER:
            return estate.documents.fallback(plan) if lease.falls_back else twiml.hang_up()
        if lease.recoveries > MOST_RECOVERIES:
            await self._give_up(lease)
            return estate.documents.fallback(plan)
        return self._admit(lease, plan)

    async def rescue(self, lease: Lease) -> None:
        """Go on with a call whose process is gone, and which was taken over for that reason. Never raises."""
        for attempt in range(_TRIES):
            await asyncio.sleep(attempt * _PAUSE_S)
            try:
                await self._rescue(lease)
            except VendorError as error:
                self._log.warning("call can't be fetched back", call_sid=lease.call_sid, error=str(error))
            except (StoreError, NotResumable) as error:
                self._log.error("call can't be taken over", call_sid=lease.call_sid, error=str(error))
                break
            else:
                return
        await self._give_up(lease)

    async def _rescue(self, lease: Lease) -> None:
        estate = self._estate
        status = (await estate.twilio.calls.fetch(lease.call_sid)).status
        if estate.registry.standing(lease.call_sid) is Standing.LIVE:  # Twilio asked meanwhile
            return
        if status.final:
            await self._gone(lease)
            return
        # It rings, or somebody else is being called for the caller: Twilio asks how it goes on after that.
        if status is not CallStatus.IN_PROGRESS or await self._dialling(lease.call_sid):
            async with estate.database.write(_WRITING_S) as connection:
                await leases.hand_over(connection, [lease.call_id], estate.owner)
            return
        async with estate.database.read(_WRITING_S) as connection:
            past = await _past(connection, lease.call_id)
        plan = self._plan(lease, past)
        if estate.registry.standing(lease.call_sid) is Standing.LIVE:
            return
        if lease.recoveries > MOST_RECOVERIES:
            await self._give_up(lease)
            document = estate.documents.fallback(plan)
        else:
            document = self._admit(lease, plan)
        await estate.twilio.redirect(lease.call_sid, document)

    async def _dialling(self, call_sid: CallSid) -> bool:
        """Whether the caller is being connected to a person, or is talking to one.

        Raises:
            VendorError: Twilio could not be asked.
        """
        legs = self._estate.twilio.calls.list(Wanted(parent_sid=call_sid), most=_MOST_LEGS)
        return any([not leg.status.final async for leg in legs])

    def _plan(self, lease: Lease, past: Past) -> Plan:
        """The plan of a call as its lease has it.

        Raises:
            NotResumable: the lease can't be read.
        """
        gone_s = max(0.0, (self._now() - lease.created_at).total_seconds())
        return revived(lease, past, self._estate.defaults, self._words_again, gone_s=gone_s)

    def _words_again(self, parties: Parties, call_sid: str) -> Words:
        return self._estate.plans.words_again(parties, CallSid(call_sid))

    def _admit(self, lease: Lease, plan: Plan) -> str:
        self._note(lease.call_id, "taken_over", lease.epoch)
        self._log.info(
            "call taken over", call_sid=lease.call_sid, epoch=lease.epoch, lines=len(plan.past.lines)
        )
        return self._estate.registry.admit(plan, lease.call_sid)

    def _begin(self, call_id: CallId, progress: CallProgress, origin: Origin) -> str | None:
        """A call whose process was lost before anything was written: it begins anew."""
        made = made_at(call_id)
        if progress.direction != _INBOUND or made is None or self._now() - made > _YOUNG:
            return None
        plan = replace(self._estate.plans.inbound(progress, origin), call_id=call_id)
        self._note(call_id, "taken_over", 0)
        return self._estate.registry.admit(plan, progress.call_sid)

    async def _gone(self, lease: Lease) -> None:
        """The call ended while nobody carried it."""
        self._estate.put(ended(lease.call_id, Ending.GATEWAY_ERROR, self._now()))
        await self._end(lease, falls_back=False)

    async def _give_up(self, lease: Lease) -> None:
        self._note(lease.call_id, "given_up", lease.epoch)
        self._estate.put(ended(lease.call_id, Ending.GATEWAY_ERROR, self._now()))
        await self._end(lease, falls_back=True)

    async def _end(self, lease: Lease, *, falls_back: bool) -> None:
        estate = self._estate
        try:
            async with estate.database.write(_WRITING_S) as connection:
                await leases.end(connection, lease.call_id, estate.owner, falls_back=falls_back)
        except StoreError as error:
            self._log.warning("lease can't be ended", call_sid=lease.call_sid, error=str(error))

    def _note(self, call_id: CallId, what: str, epoch: int) -> None:
        self._estate.metrics.successions.labels(what).inc()
        data: dict[str, object] = {"epoch": epoch, "node": self._estate.owner}
        self._estate.put(happening(call_id, what, self._now(), data))


def _cut_off(turns: Sequence[Turn]) -> str:
    """What the agent had still to say when the process was lost in the middle of its turn."""
    return turns[-1].cut_text if turns and turns[-1].underway else ""


async def _past(connection: AsyncConnection, call_id: CallId) -> Past:
    """What was said, heard and done in a call."""
    turns = await conversations.turns_of(connection, call_id)
    runs = await conversations.tools_of(connection, call_id)
    return Past(
        unheard=_cut_off(turns),
        lines=tuple(Line(Voice(turn.who.value), turn.heard_text) for turn in turns if turn.heard_text),
        tools=tuple(
            ToolTrace(run.name, msgspec.json.encode(run.arguments).decode(), run.output or _UNKNOWN)
            for run in runs
        ),
    )
