"""How a request to the carrier ends: the call is there, or nobody is called."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway import logs
from gateway.calls.entries import happening
from gateway.errors import VendorError
from gateway.services import dial_store
from gateway.services.dial_means import DialMeans
from gateway.services.dial_terms import OutboundPlan, Taken
from gateway.store import calls, intents
from gateway.store.calls import Call
from gateway.store.identifiers import CallId
from gateway.store.intents import Intent
from gateway.store.records import CallChange, Json, Status

CANCELED = Status.CANCELED.value
"""The ending of a call somebody gave up before it was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPlaced:
    """Why nobody is called.

    ``absent``: the carrier was asked, and has no such call. ``error`` is what it said where it refused.
    """

    ending: str
    detail: str
    by: str
    status: Status = Status.FAILED
    absent: bool = False
    error: VendorError | None = None

    @property
    def told(self) -> Json:
        """What the record of the call says of it: not the vendor's words, which may quote what was sent."""
        told: Json = {"ending": self.ending, "detail": self.detail}
        if self.error is not None:
            told |= {"error": str(self.error), "remedy": self.error.remedy}
        return told


class Outcomes:
    """Writes down how requests end, and tells of it.

    Args:
        means: What dialling works with.
        over: Takes every call that is over.
    """

    def __init__(self, means: DialMeans, over: Callable[[CallId], None]) -> None:
        self._means = means
        self._over = over
        self._log = logs.get()

    async def placed(self, intent: Intent, taken: Taken, plan: OutboundPlan) -> None:
        """The carrier has the call: write it down for good, and end it if that was wished meanwhile.

        Raises:
            StoreUnavailable: it could not be written down; the intent will be looked into again.
            VendorError: it is written down, and was to be ended, which did not succeed.
        """
        means = self._means
        if taken.call_sid is not None:
            means.switchboard.named(plan.call_id, taken.call_sid)
        change = CallChange(
            call_id=plan.call_id, status=Status.DIALING, call_sid=taken.call_sid, session_id=taken.session_id
        )
        async with means.database.write() as connection:
            if taken.call_sid is None:
                await dial_store.placed_unnamed(connection, intent.id, means.now())
            else:
                await intents.placed(connection, intent.id, taken.call_sid, means.now())
            await dial_store.hide_keys(connection, intent)
            await calls.put(connection, change)
            call = await calls.get(connection, plan.call_id)
        self._log.info("call placed", call_id=plan.call_id, call_sid=taken.call_sid, via=plan.via.value)
        means.tell("call.started", plan.call_id, {})
        if call is not None and given_up(call):
            await means.carriers[plan.via].hang_up(taken)

    async def not_placed(self, intent: Intent, why: NotPlaced) -> bool:
        """Nobody is called; ``False`` if that has turned out otherwise meanwhile.

        Raises:
            StoreUnavailable: it could not be written down.
        """
        now = self._means.now()
        change = CallChange(
            call_id=intent.call_id, status=why.status, ending=why.ending, ended_by=why.by, ended_at=now
        )
        resolve = intents.absent if why.absent else intents.refused
        async with self._means.database.write() as connection:
            done = await resolve(connection, intent.id, why.detail, now)
            if done:
                await dial_store.hide_keys(connection, intent)
                await calls.put(connection, change)
        if done:
            self._means.journal.put(happening(intent.call_id, "not_placed", now, why.told))
            self._log.info("call not placed", call_id=intent.call_id, ending=why.ending, detail=why.detail)
            self.over(intent.call_id, why.status, {"ending": why.ending})
        return done

    def record(self, change: CallChange) -> None:
        """Something has become known of a call that was placed; it may be its end."""
        self._means.journal.put(change)
        if change.status is not None and change.status.final:
            self.over(change.call_id, change.status, {"ending": change.ending} if change.ending else {})

    def over(self, call_id: CallId, status: Status, data: Json) -> None:
        """A call has ended, or will never begin."""
        self._over(call_id)
        if status is not Status.COMPLETED:
            self._means.switchboard.uninvite(call_id)
        self._means.tell("call.ended", call_id, {"status": status.value, **data})


def given_up(call: Call) -> bool:
    """Whether somebody gave a call up while it was not known whether it was placed."""
    return call.ending == CANCELED and not call.status.final
