"""The course of one intent: asking the carrier once, and finding out what became of that.

Whatever ends this process, at whatever point, the state of the intent in the database says what may be done:
``intended`` was never asked for, and may be; ``posted`` may have been, and is looked up first.
"""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from gateway import logs
from gateway.clients.twilio.codes import Concern, concern
from gateway.errors import VendorError
from gateway.services import dial_store
from gateway.services.dial_means import DialMeans, plan_of
from gateway.services.dial_outcomes import CANCELED, NotPlaced, Outcomes, given_up
from gateway.services.dial_progress import INVALID
from gateway.services.dial_terms import OutboundPlan, Taken
from gateway.store import calls, intents
from gateway.store.intents import Intent
from gateway.store.records import Status

_UNKNOWN: Final = -1.0
"""In place of seconds: whether the call was placed must be found out first."""
_CANCELED: Final = NotPlaced(ending=CANCELED, detail="given up", by="api", status=Status.CANCELED)


class _May(Enum):
    """Whether the carrier may be asked now."""

    YES = auto()
    LATER = auto()  # another call between the same numbers is on its way
    NO = auto()  # given up, or another process has it


class Course:
    """Brings intents to their end. What it returns: in how many seconds to dial (again); ``None``: never."""

    def __init__(self, means: DialMeans, outcomes: Outcomes) -> None:
        self._means = means
        self._outcomes = outcomes
        self._log = logs.get()

    async def dial(self, intent: Intent) -> float | None:
        """Ask the carrier for the call of an intent that is this process's, and has not been asked for.

        Raises:
            StoreError: the database failed; the intent is taken up again when its lease is over.
        """
        means, plan = self._means, plan_of(intent)
        if plan is None:
            why = NotPlaced(ending="unreadable", detail="the plan can't be read", by="gateway")
            await self._outcomes.not_placed(intent, why)
            return None
        if self._old(intent):
            await self._outcomes.not_placed(
                intent, NotPlaced(ending="expired", detail="it waited too long", by="limit")
            )
            return None
        means.checkpoint("taken")
        ticket = means.switchboard.invite(plan)
        means.checkpoint("invited")
        began = means.now()
        match await self._may_post(intent, plan):
            case _May.LATER:
                return means.times.look_every_s
            case _May.NO:
                means.switchboard.uninvite(plan.call_id)
                return None
        means.checkpoint("posted")
        # A process that was frozen here for long must not send what another has found absent meanwhile.
        late = means.now() - began > timedelta(seconds=means.times.settle_s / 2)
        after_s = _UNKNOWN if late else await self._ask(intent, plan, ticket)
        if after_s == _UNKNOWN:
            async with means.database.read() as connection:
                posted = await intents.get(connection, intent.id)
            return await self.resolve(posted or intent)
        return after_s

    async def resolve(self, intent: Intent) -> float | None:
        """Find out whether the carrier has the call of an intent it may have been asked for.

        Raises:
            StoreError: the database failed; the intent is taken up again when its lease is over.
        """
        plan = plan_of(intent)
        if plan is None:
            why = NotPlaced(ending="unreadable", detail="the plan can't be read", by="gateway", absent=True)
            await self._outcomes.not_placed(intent, why)
            return None
        self._means.switchboard.invite(plan)
        self._means.checkpoint("resolving")
        looks, posted_at = 0, intent.posted_at or self._means.now()
        while await self._still_unknown(intent):
            at = self._means.now()
            try:
                taken = await self._look(plan, posted_at)
            except VendorError as error:
                looks = 0
                self._log.warning("call not found out", call_id=plan.call_id, error=str(error))
            else:
                if taken is not None:
                    self._means.checkpoint("found")
                    await self._place(intent, taken, plan)
                    return None
                looks += at >= posted_at + timedelta(seconds=self._means.times.settle_s)
            if looks >= self._means.times.looks:
                return await self._absent(intent, plan)
            if at >= posted_at + timedelta(seconds=self._means.times.give_up_s):
                why = NotPlaced(ending="unknown", detail="nobody could say", by="carrier", absent=True)
                await self._outcomes.not_placed(intent, why)
                return None
            if await self._means.leaving.pause(self._means.times.look_every_s):
                return None  # whoever comes next goes on
        return None

    async def _may_post(self, intent: Intent, plan: OutboundPlan) -> _May:
        """Note that the request leaves now: committed when this returns ``YES``, and not before."""
        means = self._means
        async with means.database.write() as connection:
            if await dial_store.pair_posted(connection, intent.id, plan.to, plan.from_):
                return _May.LATER
            return (
                _May.YES if await intents.post(connection, intent.id, means.owner, means.now()) else _May.NO
            )

    async def _ask(self, intent: Intent, plan: OutboundPlan, ticket: str) -> float | None:
        """Send the request and write down what came of it."""
        carrier = self._means.carriers[plan.via]
        try:
            taken = await carrier.place(plan, ticket)
        except VendorError as error:
            if carrier.certain(error):
                return await self._refused(intent, plan, error)
            self._log.warning("call may be placed", call_id=plan.call_id, error=type(error).__name__)
            return _UNKNOWN
        self._means.checkpoint("answered")
        await self._place(intent, taken, plan)
        self._means.checkpoint("settled")
        return None

    async def _refused(self, intent: Intent, plan: OutboundPlan, error: VendorError) -> float | None:
        """The carrier said no: for now, or for good."""
        self._log.warning("call refused", call_id=plan.call_id, error=str(error), remedy=error.remedy)
        times = self._means.times
        if error.retryable and not self._old(intent):
            await self._again(intent)
            return max(error.retry_after_s or 0.0, times.look_every_s)
        ending = INVALID if concern(error) is Concern.CALLEE else "refused"
        detail = f"{type(error).__name__} {error.code or error.status or ''}".strip()
        why = NotPlaced(ending=ending, detail=detail, by="carrier", error=error)
        await self._outcomes.not_placed(intent, why)
        return None

    async def _absent(self, intent: Intent, plan: OutboundPlan) -> float | None:
        """The call is not to be found: dial again only if that proves something, and still makes sense."""
        why = NotPlaced(ending="not_placed", detail="the carrier has no such call", by="carrier", absent=True)
        if not self._means.carriers[plan.via].proves_absence:
            why = NotPlaced(
                ending="unknown", detail="the carrier shows no such call", by="carrier", absent=True
            )
        elif not self._old(intent):
            return 0.0 if await self._again(intent) else None
        await self._outcomes.not_placed(intent, why)
        return None

    async def _again(self, intent: Intent) -> bool:
        """Let an intent be dialled anew, unless somebody has given it up."""
        means = self._means
        until = dial_store.lease(means.now(), means.times.lease_s)
        async with means.database.write() as connection:
            call = await calls.get(connection, intent.call_id)
            if call is None or not given_up(call):
                return await dial_store.again(connection, intent.id, means.owner, until)
        await self._outcomes.not_placed(intent, _CANCELED)
        return False

    async def _look(self, plan: OutboundPlan, posted_at: datetime) -> Taken | None:
        """The call, if our own records or the carrier's have it."""
        async with self._means.database.read() as connection:
            call = await calls.get(connection, plan.call_id)
        if call is not None and call.call_sid is not None:
            return Taken(call.call_sid, call.session_id)
        return await self._means.carriers[plan.via].look(plan, posted_at, self._means.known(plan.call_id))

    async def _place(self, intent: Intent, taken: Taken, plan: OutboundPlan) -> None:
        try:
            await self._outcomes.placed(intent, taken, plan)
        except VendorError as error:  # it was given up, and rings on: whoever gave it up may ask again
            self._log.warning("call not ended", call_id=plan.call_id, error=str(error))

    async def _still_unknown(self, intent: Intent) -> bool:
        """Whether the intent is unresolved and ours, which it is then for another while."""
        means = self._means
        patience_s = means.times.lease_s + means.times.look_every_s
        async with means.database.write() as connection:
            until = dial_store.lease(means.now(), patience_s)
            return await intents.renew(connection, intent.id, means.owner, until)

    def _old(self, intent: Intent) -> bool:
        return self._means.now() - intent.created_at > timedelta(seconds=self._means.times.too_old_s)
