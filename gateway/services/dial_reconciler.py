"""Learns from the carriers what callbacks did not tell: lost ends, what calls cost, Vatel's own records."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, Protocol

from gateway import logs
from gateway.clients.twilio.values import CallRecord
from gateway.clients.vatel.call import Call
from gateway.errors import VendorError
from gateway.ids import CallSid, SessionId
from gateway.services import dial_progress, dial_store, dial_vatel
from gateway.services.dial_means import DialMeans, plan_of
from gateway.services.dial_outcomes import Outcomes
from gateway.services.dial_store import Unfinished
from gateway.services.dial_terms import OutboundPlan
from gateway.store.identifiers import CallId
from gateway.store.records import CallChange, Via

_REMEMBERED: Final = 10_000
_LONGEST_PAUSE_S: Final = 3600.0
_BETWEEN_S: Final = 0.2
"""Between two requests of a round: they are not what the carriers are there for."""


class TwilioRecords(Protocol):
    """Twilio's calls, as far as they are read here."""

    async def fetch(self, sid: CallSid) -> CallRecord:
        """Look at a call."""


class VatelRecords(Protocol):
    """Vatel's calls, as far as they are read here."""

    async def record(self, session_id: SessionId) -> Call:
        """Look at a call."""


class Reconciler:
    """Looks calls up, some in each round; one that gave nothing new is looked up ever more rarely.

    Args:
        means: What dialling works with.
        outcomes: Takes what is learned.
        twilio: Where the gateway's own calls are.
        vatel: Where the calls are that Vatel places.
    """

    def __init__(
        self, means: DialMeans, outcomes: Outcomes, twilio: TwilioRecords, vatel: VatelRecords
    ) -> None:
        self._means = means
        self._outcomes = outcomes
        self._twilio = twilio
        self._vatel = vatel
        self._pauses: OrderedDict[CallId, tuple[float, float]] = OrderedDict()
        self._log = logs.get()

    async def round(self) -> None:
        """Look up what is due, at most ``looks_per_round`` calls.

        Raises:
            StoreError: the database failed; ask again later.
        """
        times, now = self._means.times, self._means.now()
        ended = (now - timedelta(seconds=times.price_within_s), now - timedelta(seconds=times.price_after_s))
        most = 10 * times.looks_per_round  # of which some are not due yet
        async with self._means.database.read() as connection:
            lost = await dial_store.not_over(connection, Via.GATEWAY, most)
            unpriced = await dial_store.unpriced(connection, Via.GATEWAY, ended, most)
            live = await dial_store.not_over(connection, Via.VATEL, most)
            unread = await dial_store.unpriced(connection, Via.VATEL, ended, most)
        due: list[tuple[Unfinished, Callable[[Unfinished, OutboundPlan], Awaitable[CallChange | None]]]] = [
            *((call, self._from_twilio) for call in lost if self._overdue(call)),
            *((call, self._from_vatel) for call in live),
            *((call, self._from_twilio) for call in unpriced),
            *((call, self._from_vatel) for call in unread),
        ]
        looks = times.looks_per_round
        for call, ask in due:
            plan = plan_of(call.intent)
            if plan is None or not self._due(plan.call_id):
                continue
            await self._look(call, plan, ask)
            looks -= 1
            if looks <= 0 or await self._means.leaving.pause(_BETWEEN_S):
                return

    async def _look(
        self,
        call: Unfinished,
        plan: OutboundPlan,
        ask: Callable[[Unfinished, OutboundPlan], Awaitable[CallChange | None]],
    ) -> None:
        try:
            change = await ask(call, plan)
        except VendorError as error:
            self._log.warning("call not looked up", call_id=plan.call_id, error=str(error))
            change = None
        self._pause(plan.call_id)
        if change is None:
            return
        if call.status.final:
            self._means.journal.put(change)  # its end has been told
        else:
            self._outcomes.record(change)

    async def _from_twilio(self, call: Unfinished, plan: OutboundPlan) -> CallChange | None:
        if call.call_sid is None:
            return None
        return dial_progress.change_of_record(plan.call_id, await self._twilio.fetch(call.call_sid))

    async def _from_vatel(self, call: Unfinished, plan: OutboundPlan) -> CallChange | None:
        session_id, asked_at = call.session_id, call.intent.posted_at or call.intent.created_at
        if session_id is None:
            carrier, known = self._means.carriers[Via.VATEL], self._means.known(plan.call_id)
            taken = await carrier.look(plan, asked_at, known)
            session_id = taken.session_id if taken else None
        if session_id is None:
            return None
        return dial_vatel.change(plan.call_id, await self._vatel.record(session_id))

    def _overdue(self, call: Unfinished) -> bool:
        """Whether a call must be over by now, by its own limits."""
        plan, times = plan_of(call.intent), self._means.times
        began = call.answered_at or call.intent.posted_at or call.intent.created_at
        longest_s = (
            0 if plan is None else plan.max_duration_s + (0 if call.answered_at else plan.ring_timeout_s)
        )
        return self._means.now() >= began + timedelta(seconds=longest_s + times.overdue_s)

    def _due(self, call_id: CallId) -> bool:
        at, _ = self._pauses.get(call_id, (0.0, 0.0))
        return asyncio.get_running_loop().time() >= at

    def _pause(self, call_id: CallId) -> None:
        """Look again only after a while, twice as long each time."""
        _, last_s = self._pauses.pop(call_id, (0.0, 0.0))
        pause_s = min(_LONGEST_PAUSE_S, 2 * last_s or self._means.times.reconcile_every_s)
        self._pauses[call_id] = (asyncio.get_running_loop().time() + pause_s, pause_s)
        while len(self._pauses) > _REMEMBERED:
            self._pauses.popitem(last=False)
