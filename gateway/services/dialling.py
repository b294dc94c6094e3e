"""Places calls, at most once each: an intent is committed before the carrier is asked.

See docs/explanation/dialling.md for what may happen between the two.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.errors import GatewayError
from gateway.policy.quota import Quotas
from gateway.services import dial_store
from gateway.services.dial_calls import LiveCalls
from gateway.services.dial_course import Course
from gateway.services.dial_means import DialMeans
from gateway.services.dial_outcomes import Outcomes
from gateway.services.dial_queue import Accounts, WaitingRoom
from gateway.services.dial_reconciler import Reconciler, TwilioRecords, VatelRecords
from gateway.services.dial_request import DialDraft, DialRules
from gateway.services.dial_terms import OutboundPlan as OutboundPlan
from gateway.services.dial_terms import Switchboard as Switchboard
from gateway.services.dial_works import Works
from gateway.store import calls, intents
from gateway.store.identifiers import CallId, KeyId, new_call, new_intent
from gateway.store.intents import Intended, Intent, NewIntent
from gateway.store.records import CallChange, Direction, Status
from gateway.wire.call_status import CallReport


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The customer's name of a request, and what the request was."""

    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call that will be placed; ``replayed`` if an earlier request has asked for it."""

    plan: OutboundPlan
    created_at: datetime
    replayed: bool


@dataclass(frozen=True, slots=True)
class Records:
    """Where the carriers' own records of calls are read."""

    twilio: TwilioRecords
    vatel: VatelRecords


def new_owner() -> str:
    """A name for this process that no other has."""
    return f"dialler_{secrets.token_hex(8)}"


class Dialler:
    """Takes requests for calls, places them in turn, and follows them to their end.

    Args:
        means: What dialling works with.
        rules: What requests are held against.
        quotas: How much every key may do.
        records: Where the carriers' own records are read.
    """

    def __init__(self, means: DialMeans, rules: DialRules, quotas: Quotas, records: Records) -> None:
        self._means = means
        self._rules = rules
        self._accounts = Accounts(quotas)
        self._room = WaitingRoom(means.times, means.leaving)
        outcomes = Outcomes(means, self._accounts.release)
        self._live = LiveCalls(means, rules, outcomes, self._room)
        reconciler = Reconciler(means, outcomes, records.twilio, records.vatel)
        self._works = Works(means, Course(means, outcomes), self._room, self._accounts, reconciler)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Calls are placed in here. Leaving it waits for requests that have left, within a bound.

        Raises:
            StoreError: what was placed before can't be read.
        """
        async with self._works.running():
            yield

    async def place(self, draft: DialDraft, key: KeyId, idempotency: Idempotency | None = None) -> Accepted:
        """Take a call that is to be placed; when this returns it is in the database, and will be.

        Raises:
            DialRefused: a number may not be called, or not be called from.
            RequestRefused: another field is wrong.
            LimitReached: the key, or the number called, has had its share.
            KeyReused: the idempotency key stands for another request.
            VendorError: Vatel could not be asked about the agent.
            StoreUnavailable: nothing is certain; send the same request with the same idempotency key again.
        """
        if idempotency is not None and (standing := await self._standing(key, idempotency)) is not None:
            return _accepted(standing, replayed=True)
        plan = await self._rules.check(draft, new_call())
        self._room.check_room()
        self._accounts.admit(key, plan.to, plan.call_id)
        self._means.checkpoint("checked")
        try:
            intended = await self._intend(plan, key, idempotency)
        except GatewayError:
            self._accounts.release(plan.call_id)
            raise
        self._means.checkpoint("intended")
        if intended.fresh:
            self._room.add(intended.intent)
        else:  # the same request came twice at once
            self._accounts.release(plan.call_id)
        return _accepted(intended.intent, replayed=not intended.fresh)

    async def hang_up(self, call_id: CallId) -> None:
        """End a call; one that waits is never placed.

        Raises:
            CallUnknown: there is no such call.
            CallNotLive: it is over, or nobody can end it from here.
            VendorError: the carrier could not be told.
            StoreUnavailable: nothing is certain; ask again.
        """
        await self._live.hang_up(call_id)

    async def transfer(self, call_id: CallId, to: str) -> None:
        """Connect a call that has been answered to a person.

        Raises:
            CallUnknown: there is no such call.
            CallNotLive: it is not answered, over, or not bridged here.
            DialRefused: the number may not be called.
            StoreUnavailable: ask again.
        """
        await self._live.transfer(call_id, to)

    async def progress(self, report: CallReport, call_id: CallId | None = None) -> None:
        """A status callback came: of whatever call, once or more often, in any order. Never raises.

        Args:
            report: What it says.
            call_id: The call its address names, by ``dial_twilio.CALL_PARAMETER``.
        """
        await self._live.progress(report, call_id)

    async def _standing(self, key: KeyId, idempotency: Idempotency) -> Intent | None:
        since = self._means.now() - timedelta(seconds=self._means.times.key_life_s)
        async with self._means.database.read() as connection:
            return await dial_store.replayed(connection, key, idempotency.key, idempotency.body_sha256, since)

    async def _intend(self, plan: OutboundPlan, key: KeyId, idempotency: Idempotency | None) -> Intended:
        """Commit the intent to dial, and with it the first that is known of the call."""
        means = self._means
        now = means.now()
        new = NewIntent(
            id=new_intent(),
            call_id=plan.call_id,
            request=plan.document(),
            owner=means.owner,
            lease_until=dial_store.lease(now, means.times.lease_s),
            created_at=now,
            api_key_id=key,
            idempotency_key=idempotency.key if idempotency else None,
            body_sha256=idempotency.body_sha256 if idempotency else None,
        )
        async with means.database.write() as connection:
            await dial_store.forget_keys(connection, now - timedelta(seconds=means.times.key_life_s))
            intended = await intents.intend(connection, new)
            if intended.fresh:
                await calls.put(connection, _first(plan, key, now))
        return intended


def _first(plan: OutboundPlan, key: KeyId, now: datetime) -> CallChange:
    return CallChange(
        call_id=plan.call_id,
        direction=Direction.OUTBOUND,
        via=plan.via,
        status=Status.QUEUED,
        from_number=plan.from_,
        to_number=plan.to,
        number=plan.from_,
        agent_id=plan.agent_id,
        version_id=plan.version_id,
        created_at=now,
        metadata=plan.metadata or None,
        variables=dict(plan.variables) or None,
        callback_url=plan.callback_url,
        api_key_id=key or None,
    )


def _accepted(intent: Intent, *, replayed: bool) -> Accepted:
    return Accepted(OutboundPlan.read(intent.request), intent.created_at, replayed)
